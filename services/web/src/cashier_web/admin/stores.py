"""The admin's pages for stores, with import and export."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cashier_core.call import DEFAULT_STORE
from cashier_web.admin.table_admin import TableAdmin
from cashier_web.infra.redis_unavailable import message_without_redis
from cashier_web.models import Device, Medium, Membership, PastCall, Screen, Store
from cashier_web.models.stores import default_store_reason
from cashier_web.screens.announce import announce
from cashier_web.stores import labels
from cashier_web.stores.automatic_opening import reschedule
from cashier_web.stores.forms import HoursForm, NewStoreForm, StoreForm
from cashier_web.stores.resources import StoreResource, StoresCSV

SHOWN = ["logo", "count_of_media"]
"""Fields that the form shows but cannot change, because managers upload pictures on the media page of the store."""


@admin.register(Store)
class StoreAdmin(TableAdmin, admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists and changes stores. A change is saved only if it can also be announced to the screens.

    If Redis does not answer, the transaction is rolled back, and the page says that nothing was changed.
    """

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
        (gettext_lazy("Opening hours and alarms"), {"fields": [*HoursForm.Meta.fields]}),
        (
            gettext_lazy("Screens"),
            {"fields": ["also_waits_in", "arrows", "shows_recent", "volume", "is_muted", "ink", "ground", *SHOWN]},
        ),
    ]
    resource_classes = [StoreResource]
    formats = [StoresCSV]

    def get_form(self, request: HttpRequest, obj: Store | None = None, change: bool = False, **options: Any) -> Any:
        return super().get_form(request, obj, change, **options if change else {**options, "form": NewStoreForm})

    def get_fieldsets(self, request: HttpRequest, obj: Store | None = None) -> Any:
        first, *others = super().get_fieldsets(request, obj)
        fields = [*first[1]["fields"], *([] if obj else ["is_confirmed"])]
        return [(None, {"fields": fields}), *others]

    @admin.display(description=gettext_lazy("Labels of tills"))
    def labels_as_typed(self, store: Store) -> str:
        return labels.write_pairs(store.labels)

    @admin.display(description=gettext_lazy("pictures and videos"))
    def count_of_media(self, store: Store) -> int:
        return store.media.count() if store.pk else 0

    def has_delete_permission(self, request: HttpRequest, obj: Store | None = None) -> bool:
        """The default store cannot be deleted, because the pages at `/` belong to it."""
        return super().has_delete_permission(request, obj) and not (obj and obj.slug == DEFAULT_STORE)

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Store | None = None) -> list[str]:
        """The slug of an existing store cannot be changed, because addresses, tickets and keys in Redis contain it."""
        return ["slug", *SHOWN] if obj else SHOWN

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Store | None:
        """Return the store. A POST locks its row until the end of the transaction in which Django runs the view.

        Otherwise a manager could select a language between the check of the form and the change, and the administrator
        could remove this language.
        """
        store: Store | None = super().get_object(request, object_id, from_field)
        if store and request.method == "POST":
            return self.get_queryset(request).select_for_update(no_key=True).filter(pk=store.pk).first()
        return store

    def save_model(self, request: HttpRequest, obj: Store, form: Any, change: bool) -> None:
        # Save only the changed columns. A manager may have uploaded a logo since this request read the store, and
        # saving all columns would bring back the old logo.
        computed = reschedule(obj, form.changed_data)
        obj.save(update_fields={*form.changed_data, *computed} if change else None)
        obj.refresh_from_db()
        announce([obj])

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Return the content of the page on which an administrator confirms the deletion of stores.

        The page shows the stores, how many objects of each kind belong to them, and the reason if the stores cannot be
        deleted. Django's own method would list every object, and there may be 100,000 calls.
        """
        stores = [store.pk for store in objs]
        models: list[Any] = [Store, Membership, Device, Medium]
        names: dict[Any, str] = {model: str(model._meta.verbose_name_plural) for model in models}
        names |= {Screen: _("screens, which are revoked"), PastCall: _("calls, which stay in the history")}
        counts = {
            name: model.objects.filter(**{"pk__in" if model is Store else "store__in": stores}).count()
            for model, name in names.items()
        }
        protected = [default_store_reason()] if any(store.slug == DEFAULT_STORE for store in objs) else []
        return [str(store) for store in objs], counts, set(), protected

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._guarded(request, lambda: super(StoreAdmin, self).changelist_view(request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._guarded(request, lambda: super(StoreAdmin, self).delete_view(request, *args, **kwargs))

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._guarded(request, lambda: super(StoreAdmin, self).changeform_view(request, *args, **kwargs))

    @admin.action(description=gettext_lazy("Open selected stores"), permissions=["change"])
    def open_stores(self, request: HttpRequest, stores: QuerySet[Store]) -> None:
        self._set_open(request, stores, True)

    @admin.action(description=gettext_lazy("Close selected stores"), permissions=["change"])
    def close_stores(self, request: HttpRequest, stores: QuerySet[Store]) -> None:
        self._set_open(request, stores, False)

    def _set_open(self, request: HttpRequest, stores: QuerySet[Store], is_open: bool) -> None:
        with transaction.atomic():
            # An import of stores locks the stores in the order of their slugs. This request uses the same order. If the
            # two used different orders, they could deadlock.
            changed = list(stores.order_by("slug").select_for_update(no_key=True).exclude(is_open=is_open))
            for store in changed:
                store.is_open = is_open
                store.save(update_fields=["is_open"])
                self.log_change(request, store, [{"changed": {"fields": ["is_open"]}}])
            announce(changed)
        messages.success(request, _("Stores changed: %(count)s.") % {"count": len(changed)})

    def _guarded(self, request: HttpRequest, view: Callable[[], Any]) -> Any:
        """Run a view of the admin that may change stores. If Redis does not answer, redirect to the same page.

        The page then shows the message that nothing was changed, because the screens could not be told about the
        change.
        """
        response = None
        with message_without_redis(request):
            response = view()
        return response or redirect(request.get_full_path())
