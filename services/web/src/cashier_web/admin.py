"""The admin: a chain's stores, its people and their roles."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.admin import ImportExportModelAdmin
from redis.exceptions import RedisError

from cashier_core.call import DEFAULT_STORE
from cashier_web import labels, metrics
from cashier_web.announcements import announce
from cashier_web.forms import StoreForm
from cashier_web.models import Membership, Store
from cashier_web.resources import StoreResource, StoresCSV, reasons


@admin.register(Store)
class StoreAdmin(ImportExportModelAdmin):
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
    ]
    resource_classes = [StoreResource]
    formats = [StoresCSV]
    import_template_name = "cashier_web/import.html"
    skip_export_form = True

    @admin.display(description=gettext_lazy("Labels of tills"))
    def labels_as_typed(self, store: Store) -> str:
        return labels.text(store.labels)

    def has_delete_permission(self, request: HttpRequest, obj: Store | None = None) -> bool:
        """The default store stays: the pages at `/` are its."""
        return super().has_delete_permission(request, obj) and not (obj and obj.slug == DEFAULT_STORE)

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Store | None = None) -> list[str]:
        """Screens and tickets know a store by its slug: another one would be another store's."""
        return ["slug"] if obj else []

    def save_model(self, request: HttpRequest, obj: Store, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        announce([obj])

    def changeform_view(self, request: HttpRequest, *of_a_form: Any, **kwargs: Any) -> HttpResponse:
        return self._or_nothing(request, lambda: super(StoreAdmin, self).changeform_view(request, *of_a_form, **kwargs))

    @admin.action(description=gettext_lazy("Open selected stores"), permissions=["change"])
    def open_stores(self, request: HttpRequest, stores: QuerySet[Store]) -> HttpResponse | None:
        return self._or_nothing(request, lambda: self._set_open(request, stores, True))

    @admin.action(description=gettext_lazy("Close selected stores"), permissions=["change"])
    def close_stores(self, request: HttpRequest, stores: QuerySet[Store]) -> HttpResponse | None:
        return self._or_nothing(request, lambda: self._set_open(request, stores, False))

    def _set_open(self, request: HttpRequest, stores: QuerySet[Store], is_open: bool) -> None:
        with transaction.atomic():
            # In the order of imports, so that the two wait for each other.
            changed = list(stores.order_by("slug").select_for_update(no_key=True).exclude(is_open=is_open))
            stores.update(is_open=is_open)
            for store in changed:
                store.is_open = is_open
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

    def get_import_data_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_import_data_kwargs(**kwargs), "rollback_on_validation_errors": True}

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show what would be done, or why nothing can be."""
        response = super().import_action(request, **kwargs)
        if result := response.context_data.get("result"):
            response.context_data["reasons"] = list(reasons(result))
        return response

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        """The reason, instead of the exception's name."""
        form.add_error("import_file", str(e))

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """What was shown before is done now."""
        try:
            return super().process_import(request, **kwargs)
        except FileNotFoundError:
            messages.error(request, _("This file was imported already, or is gone: choose it again."))
            return redirect("admin:cashier_web_store_import")

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponse:
        """Something may have changed since it was shown, and then nothing is done."""
        if not result.has_errors() and not result.has_validation_errors():
            return super().process_result(result, request)
        messages.error(request, " ".join([_("Nothing was changed."), *reasons(result)]))
        return redirect("admin:cashier_web_store_import")


admin.site.unregister([User, Group])


class ForAdministrators(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who may change accounts or roles may become everything: Django's permissions are not enough."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission


@admin.register(User)
class PersonAdmin(ForAdministrators, UserAdmin):  # type: ignore[type-arg]
    """An account; an administrator of the chain is a superuser."""

    list_display = ["username", "first_name", "last_name", "stores", "is_superuser", "is_active", "last_login"]
    list_filter = ["is_superuser", "is_active", "memberships__role"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).annotate(number_of_stores=Count("memberships", distinct=True))

    @admin.display(description=gettext_lazy("stores"), ordering="number_of_stores")
    def stores(self, person: Any) -> int:
        return int(person.number_of_stores)


@admin.register(Membership)
class MembershipAdmin(ForAdministrators):
    """A person's role in one store."""

    list_display = ["person", "store", "role"]
    list_filter = ["role"]
    list_select_related = ["person", "store"]
    search_fields = ["person__username", "person__last_name", "store__name", "store__slug"]
    autocomplete_fields = ["person", "store"]
