"""The screens page: a manager renames, moves, mutes and revokes the paired screens of a store."""

import contextlib
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from redis.exceptions import RedisError

from cashier_web.accounts import permissions
from cashier_web.infra.errors import allow_methods
from cashier_web.infra.form_errors import one_line
from cashier_web.infra.redis_clients import the_revocations, the_timeline
from cashier_web.infra.redis_unavailable import message_without_redis
from cashier_web.infra.request_info import HtmxRequest
from cashier_web.models import Screen, Store
from cashier_web.screens.announce import announce_appearance
from cashier_web.screens.watched import is_stale
from cashier_web.store_urls import managed_pages, store_path
from cashier_web.validators import check_name

NAME_TAKEN = gettext_lazy("Another screen of this store already has this name.")


class ScreenForm(forms.Form):
    """The form that changes a screen.

    `name`: one line of text that differs from the names of the store's other screens.
    `store`: the store to which the screen will belong.
    `volume`: from 0 to 100, or empty for the volume of the store.
    `is_muted`: whether the screen has no sound, whatever its volume is.
    """

    name = forms.CharField(max_length=100)
    store = forms.ModelChoiceField(Store.objects.none(), to_field_name="slug")
    volume = forms.IntegerField(min_value=0, max_value=100, required=False)
    is_muted = forms.BooleanField(required=False)

    def __init__(self, data: Any, screen: Screen, stores: QuerySet[Store]) -> None:
        super().__init__(data)
        self._screen = screen
        self.fields["store"].queryset = stores  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        return check_name(self.cleaned_data["name"])

    def clean(self) -> dict[str, Any]:
        store, name = self.cleaned_data.get("store"), self.cleaned_data.get("name")
        if store and name and store.screens.filter(name=name, revoked_at=None).exclude(pk=self._screen.pk).exists():
            raise ValidationError(NAME_TAKEN)
        return self.cleaned_data


@never_cache
@allow_methods("GET", "HEAD")
@permissions.for_managers
def screens_page(request: HtmxRequest, store: Store) -> HttpResponse:
    """The page that lists the screens of the store, and their states. Revoked screens are not listed.

    The page asks this view for the states every few seconds. The answer to htmx contains only the states, so that the
    page does not lose what the manager is entering.
    """
    screens = store.screens.filter(revoked_at=None).select_related("now")
    if request.htmx:
        return render(request, "cashier_web/_screen_states.html", {"screens": screens, "is_stale": is_stale()})
    rows = [
        {
            "screen": screen,
            "change_path": store_path("change_screen", store, number=screen.pk),
            "revoke_path": store_path("revoke_screen", store, number=screen.pk),
        }
        for screen in screens
    ]
    context = {
        "store": store,
        "pages": managed_pages(store),
        "stores": permissions.managed_by(request.user),
        "pair": request.build_absolute_uri(reverse("pair")),
        "rows": rows,
        "path": store_path("screens", store),
        "is_stale": is_stale(),
    }
    return render(request, "cashier_web/screens.html", context)


@allow_methods("POST")
@permissions.for_managers
def change_screen(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    """Change the screen as the posted form says. The television shows the change within seconds."""
    screen = get_object_or_404(Screen, store=store, pk=number, revoked_at=None)
    form = ScreenForm(request.POST, screen, permissions.managed_by(request.user))
    if not form.is_valid():
        messages.error(request, one_line(form))
        return redirect(store_path("screens", store))
    try:
        with message_without_redis(request):
            with transaction.atomic():
                values = {**form.cleaned_data, "store": permissions.lock_store(form.cleaned_data["store"])}
                if not update_screens(Screen.objects.filter(pk=screen.pk, store=store), **values):
                    raise Http404  # Somebody else has just revoked the screen, or moved it to another store.
            messages.success(request, _("“%(name)s” was changed.") % {"name": screen.name})
    except IntegrityError:
        # The database has refused the change for one of two reasons. After the form was checked, another request has
        # deleted the store, or has given the name to another screen of the store.
        get_object_or_404(Store, pk=form.cleaned_data["store"].pk)
        messages.error(request, NAME_TAKEN)
    return redirect(store_path("screens", store))


@allow_methods("POST")
@permissions.for_managers
def revoke_screen(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    """Revoke the screen. Within seconds, the television shows a pairing code instead of the store."""
    screen = get_object_or_404(Screen, store=store, pk=number, revoked_at=None)
    with message_without_redis(request):
        with transaction.atomic():
            if not revoke_screens(Screen.objects.filter(pk=screen.pk, store=store)):
                raise Http404  # Somebody else has just revoked the screen, or moved it to another store.
        messages.success(request, _("“%(name)s” was changed.") % {"name": screen.name})
    return redirect(store_path("screens", store))


def update_screens(
    chosen: QuerySet[Screen], name: str, store: Store, volume: int | None, is_muted: bool
) -> list[Screen]:
    """Save this name, store, volume and muting for the chosen screens. Returns the screens that were saved.

    If the store of a screen changes, the television shows the new store by itself. A screen that was revoked meanwhile
    is not changed. Must be called within a transaction. Raises RedisError if Redis does not answer, and IntegrityError
    if another screen of the store has this name.
    """
    screens = list(chosen.select_for_update().filter(revoked_at=None))
    for screen in screens:
        credential_id, sound_before = screen.credential_id, (screen.volume, screen.is_muted)
        screen.name, screen.volume, screen.is_muted = name, volume, is_muted
        is_moved = screen.store_id != store.pk
        if is_moved:
            screen.store, screen.changed_at = store, timezone.now()
            screen.generation += 1
        screen.save(update_fields=["name", "volume", "is_muted", "store", "changed_at", "generation"])
        if is_moved:
            revoke_credentials([credential_id])
        elif (volume, is_muted) != sound_before:
            announce_appearance(store)
    return screens


def revoke_screens(chosen: QuerySet[Screen]) -> list[Screen]:
    """Revoke the chosen screens. Returns the screens that were not revoked before.

    Must be called within a transaction. Raises RedisError.
    """
    # The admin's list joins the table of stores, and PostgreSQL refuses to lock the rows of an outer join. Therefore
    # only the rows of the screens are locked.
    screens = list(chosen.select_for_update(of=("self",)).filter(revoked_at=None))
    for screen in screens:
        screen.revoked_at = screen.changed_at = timezone.now()
        screen.save(update_fields=["revoked_at", "changed_at"])
    if screens:
        revoke_credentials([screen.credential_id for screen in screens])
    return screens


def revoke_credentials(credential_ids: list[str]) -> None:
    """Make ws refuse all tickets with these credential ids, and close the websockets of their screens.

    The ids are written into Redis now, and again after the commit. Until the commit, other worker processes do not see
    the revocation in the database. Therefore the periodic task `announce_differences` in another worker process may
    remove the ids from Redis. Raises RedisError if Redis does not answer.
    """
    the_revocations().add(credential_ids)

    def add_again() -> None:
        # If Redis does not answer, the error is ignored, because the periodic task `announce_differences` adds the ids
        # of the revoked screens to Redis later.
        with contextlib.suppress(RedisError):
            the_revocations().add(credential_ids)

    transaction.on_commit(add_again)


def revoke_screens_of_store(instance: Store, **signal: Any) -> None:
    """Revoke the screens of a store that is being deleted. Django calls this function before it deletes the store.

    The rows of the screens are not deleted, because the tickets of the screens may still be valid. If Redis loses the
    list of revoked screens, `announce.restore_revocations` makes the list again from these rows.
    """
    revoke_screens(instance.screens.all())

    def forget_timeline() -> None:
        # If Redis does not answer, the error is ignored, and the timeline of the deleted store stays in Redis. It needs
        # only about a kilobyte.
        with contextlib.suppress(RedisError):
            the_timeline().forget(instance.slug)

    transaction.on_commit(forget_timeline)
