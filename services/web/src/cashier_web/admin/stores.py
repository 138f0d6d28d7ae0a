"""The stores in the admin, with their table."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from redis.exceptions import RedisError

from cashier_core.call import DEFAULT_STORE
from cashier_web.admin.table_admin import TableAdmin
from cashier_web.infra import metrics
from cashier_web.models import Device, Medium, Membership, PastCall, Screen, Store
from cashier_web.screens.announce import announce
from cashier_web.stores import labels
from cashier_web.stores.forms import StoreForm
from cashier_web.stores.resources import StoreResource, StoresCSV

SHOWN = ["logo", "count_of_media"]
"""What managers bring in on the store's own page."""


@admin.register(Store)
class StoreAdmin(TableAdmin, admin.ModelAdmin):  # type: ignore[type-arg]
    """A change is saved and on the screens, or neither."""

    form = StoreForm
    list_display = ["name", "slug", "city", "tills", "labels_as_typed", "language", "hold_seconds", "policy", "is_open"]
    list_filter = ["is_open", "policy", "language", "time_zone"]
    search_fields = ["name", "slug", "city"]
    actions = ["open_stores", "close_stores"]
    fieldsets = [
        (None, {"fields": ["slug", "name", "city", "time_zone"]}),
        (gettext_lazy("Tills"), {"fields": ["tills", "labels"]}),
        (gettext_lazy("Languages"), {"fields": ["languages", "language"]}),
        (gettext_lazy("Calls"), {"fields": ["hold_seconds", "policy"]}),
        (gettext_lazy("Opening"), {"fields": ["is_open", "closed_message"]}),
        (
            gettext_lazy("Screens"),
            {"fields": ["also_waits_in", "arrows", "shows_recent", "volume", "is_muted", "ink", "ground", *SHOWN]},
        ),
    ]
    resource_classes = [StoreResource]
    formats = [StoresCSV]

    @admin.display(description=gettext_lazy("Labels of tills"))
    def labels_as_typed(self, store: Store) -> str:
        return labels.text(store.labels)

    @admin.display(description=gettext_lazy("pictures and videos"))
    def count_of_media(self, store: Store) -> int:
        return store.media.count() if store.pk else 0

    def has_delete_permission(self, request: HttpRequest, obj: Store | None = None) -> bool:
        """The default store stays: the pages at `/` are its."""
        return super().has_delete_permission(request, obj) and not (obj and obj.slug == DEFAULT_STORE)

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Store | None = None) -> list[str]:
        """Screens and tickets know a store by its slug: another one would be another store's."""
        return ["slug", *SHOWN] if obj else SHOWN

    def save_model(self, request: HttpRequest, obj: Store, form: Any, change: bool) -> None:
        # What was changed alone: a logo or a revision may be another since the form was read.
        obj.save(update_fields=form.changed_data if change else None)
        obj.refresh_from_db()
        announce([obj])

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What goes with a store, in numbers: its calls alone may be a hundred thousand."""
        stores = [store.pk for store in objs]
        counts = {
            str(model._meta.verbose_name_plural): model.objects.filter(store__in=stores).count()
            for model in (Membership, Device, Screen, Medium, PastCall)
        }
        return [str(store) for store in objs], {str(Store._meta.verbose_name_plural): len(stores), **counts}, set(), []

    def changelist_view(self, request: HttpRequest, *of_a_list: Any, **kwargs: Any) -> HttpResponse:
        return self._or_nothing(request, lambda: super(StoreAdmin, self).changelist_view(request, *of_a_list, **kwargs))

    def delete_view(self, request: HttpRequest, *of_a_store: Any, **kwargs: Any) -> HttpResponse:
        return self._or_nothing(request, lambda: super(StoreAdmin, self).delete_view(request, *of_a_store, **kwargs))

    def changeform_view(self, request: HttpRequest, *of_a_form: Any, **kwargs: Any) -> HttpResponse:
        return self._or_nothing(request, lambda: super(StoreAdmin, self).changeform_view(request, *of_a_form, **kwargs))

    @admin.action(description=gettext_lazy("Open selected stores"), permissions=["change"])
    def open_stores(self, request: HttpRequest, stores: QuerySet[Store]) -> None:
        self._set_open(request, stores, True)

    @admin.action(description=gettext_lazy("Close selected stores"), permissions=["change"])
    def close_stores(self, request: HttpRequest, stores: QuerySet[Store]) -> None:
        self._set_open(request, stores, False)

    def _set_open(self, request: HttpRequest, stores: QuerySet[Store], is_open: bool) -> None:
        with transaction.atomic():
            # In the order of imports, so that the two wait for each other.
            changed = list(stores.order_by("slug").select_for_update(no_key=True).exclude(is_open=is_open))
            for store in changed:
                store.is_open = is_open
                store.save(update_fields=["is_open"])
                self.log_change(request, store, [{"changed": {"fields": ["is_open"]}}])
            announce(changed)
        messages.success(request, _("Stores changed: %(count)s.") % {"count": len(changed)})

    def _or_nothing(self, request: HttpRequest, change: Callable[[], Any]) -> Any:
        """Make a change; where the screens can't be told of it, say that nothing was changed."""
        try:
            return change()
        except RedisError:
            metrics.REDIS_ERRORS.inc()
            messages.error(request, _("Nothing was changed: the screens can't be reached just now."))
            return redirect(request.get_full_path())
