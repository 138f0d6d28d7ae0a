"""The admin: stores, until the chain's own pages come."""

from django.contrib import admin

from cashier_web.models import Store


@admin.register(Store)
class StoreAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes none at run time
    list_display = ["name", "slug", "tills", "language", "hold_seconds", "policy"]
    list_filter = ["policy", "language"]
    search_fields = ["name", "slug"]
