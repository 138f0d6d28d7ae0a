"""The admin: stores, until the chain's own pages come."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from cashier_core.call import DEFAULT_STORE
from cashier_web.models import Store
from cashier_web.views import the_timeline


@admin.register(Store)
class StoreAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes none at run time
    list_display = ["name", "slug", "tills", "language", "hold_seconds", "policy"]
    list_filter = ["policy", "language"]
    search_fields = ["name", "slug"]

    def has_delete_permission(self, request: HttpRequest, obj: Store | None = None) -> bool:
        """The default store stays: the pages at `/` are its."""
        return super().has_delete_permission(request, obj) and not (obj and obj.slug == DEFAULT_STORE)

    def get_readonly_fields(self, request: HttpRequest, obj: Store | None = None) -> list[str]:
        return ["slug"] if obj and obj.slug == DEFAULT_STORE else []

    def save_model(self, request: HttpRequest, obj: Store, form: Any, change: bool) -> None:
        """Save it, and let its screens wait in a new language at once, as a change on the buttons page does."""
        super().save_model(request, obj, form, change)
        if not change or "language" in form.changed_data:
            try:
                the_timeline().set_language(obj.slug, obj.language)
            except RedisError:
                messages.warning(request, _("Saved, but the screens can't be reached: choose the language again."))
