"""The screens of a store: who may look at it, and the page on which a manager names, moves and revokes them."""

import contextlib
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from redis.exceptions import RedisError

from cashier_web.accounts import permissions
from cashier_web.infra import metrics
from cashier_web.infra.errors import allow_methods, refuse
from cashier_web.infra.redis_clients import the_revocations
from cashier_web.models import Screen, Store
from cashier_web.screens.announce import announce_look
from cashier_web.store_urls import managed_pages, store_path
from cashier_web.validators import check_name

TAKEN = gettext_lazy("Another screen of this store has this name.")


class ScreenForm(forms.Form):
    """`name`: in one line, and no other screen's of the store. `store`: where it is from now on.

    `volume`: from 0 to 100; of the store if it is empty. `is_muted`: whatever the volume.
    """

    name = forms.CharField(max_length=100)
    store = forms.ModelChoiceField(Store.objects.none(), to_field_name="slug")
    volume = forms.IntegerField(min_value=0, max_value=100, required=False)
    is_muted = forms.BooleanField(required=False)

    def __init__(self, data: Any, screen: Screen, stores: Any) -> None:
        super().__init__(data)
        self._screen = screen
        self.fields["store"].queryset = stores  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        return check_name(self.cleaned_data["name"])

    def clean(self) -> dict[str, Any]:
        store, name = self.cleaned_data.get("store"), self.cleaned_data.get("name")
        if store and name and store.screens.filter(name=name, revoked_at=None).exclude(pk=self._screen.pk).exists():
            raise ValidationError(TAKEN)
        return self.cleaned_data


@never_cache
@allow_methods("GET", "HEAD")
@permissions.for_managers
def screens(request: HttpRequest, store: Store) -> HttpResponse:
    """All screens of the store."""
    paired = store.screens.filter(revoked_at=None)
    told = {
        "store": store,
        "pages": managed_pages(store),
        "stores": permissions.managed_by(request.user),
        "pair": request.build_absolute_uri(reverse("pair")),
        "rows": [(each, store_path("screen_of", store, number=each.pk)) for each in paired],
    }
    return render(request, "cashier_web/screens.html", told)


@allow_methods("POST")
@permissions.for_managers
def screen_of(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    """Posting `action`: `change` the screen's `name` and `store`, or `revoke` it. It goes within seconds."""
    screen = get_object_or_404(Screen, store=store, pk=number, revoked_at=None)  # anew, and locked, when it is changed
    if request.POST.get("action") not in {"change", "revoke"}:
        return refuse(400, _("Change, or revoke? Neither was sent."))
    form = ScreenForm(request.POST, screen, permissions.managed_by(request.user))
    is_change = request.POST["action"] == "change"
    if is_change and not form.is_valid():
        reasons = [str(reason) for reasons in form.errors.values() for reason in reasons]
        messages.error(request, " ".join(reasons))
        return redirect(store_path("screens", store))
    try:
        with transaction.atomic():
            chosen = Screen.objects.filter(pk=screen.pk)
            if is_change:
                change(chosen, **form.cleaned_data)
            else:
                revoke(chosen)
    except IntegrityError:  # two at once
        messages.error(request, TAKEN)
    except RedisError:
        metrics.REDIS_ERRORS.inc()
        messages.error(request, _("Nothing was changed: the screens can't be reached just now."))
    else:
        messages.success(request, _("“%(name)s” was changed.") % {"name": screen.name})
    return redirect(store_path("screens", store))


def change(chosen: QuerySet[Screen], name: str, store: Store, volume: int | None, is_muted: bool) -> None:
    """Name this one anew, let it sound otherwise, or move it, in which case its page goes to the other store by itself.

    Within a transaction. One that was revoked meanwhile stays so. Raises RedisError and IntegrityError.
    """
    for screen in chosen.select_for_update().filter(revoked_at=None):
        credential_id, sound_before = screen.credential_id, (screen.volume, screen.is_muted)
        screen.name, screen.volume, screen.is_muted = name, volume, is_muted
        is_moved = screen.store_id != store.pk
        if is_moved:
            screen.store, screen.changed_at = store, timezone.now()
            screen.generation += 1
        screen.save(update_fields=["name", "volume", "is_muted", "store", "changed_at", "generation"])
        if is_moved:
            put_out([credential_id])
        elif (volume, is_muted) != sound_before:
            announce_look(store)


def revoke(chosen: QuerySet[Screen]) -> list[Screen]:
    """Let these show nothing any more, but for those that are revoked already; returns which.

    Within a transaction. Raises RedisError.
    """
    screens = list(chosen.select_for_update().filter(revoked_at=None))
    for screen in screens:
        screen.revoked_at = screen.changed_at = timezone.now()
        screen.save(update_fields=["revoked_at", "changed_at"])
    if screens:
        put_out([screen.credential_id for screen in screens])
    return screens


def put_out(credential_ids: list[str]) -> None:
    """Let ws refuse these. Again when it is in the database, before which a comparison may have undone it."""
    the_revocations().add(credential_ids)

    def again() -> None:
        with contextlib.suppress(RedisError):  # then the next comparison does it
            the_revocations().add(credential_ids)

    transaction.on_commit(again)


def revoke_of_store(instance: Store, **of_the_signal: Any) -> None:
    """A store that is deleted has no screens any more; what is known of their tickets stays."""
    revoke(instance.screens.all())
