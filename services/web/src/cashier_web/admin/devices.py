"""The admin's page for finding and revoking devices.

Devices are not created here. A manager creates a device on the devices page of a store, which shows the token.
"""

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cashier_web.models import Device


@admin.register(Device)
class DeviceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists the devices of all stores, and revokes selected devices."""

    list_display = ["name", "store", "till", "made_at", "used_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), ("till", admin.EmptyFieldListFilter), "used_at"]
    list_select_related = ["store"]
    search_fields = ["name", "store__name", "store__slug"]
    fields = readonly_fields = (
        "name",
        "store",
        "till",
        "made_at",
        "used_at",
        "revoked_at",
    )
    actions = ["revoke"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description=gettext_lazy("Revoke selected devices"), permissions=["change"])
    def revoke(self, request: HttpRequest, devices: QuerySet[Device]) -> None:
        with transaction.atomic():
            # Without the lock, saving a device that somebody else has just deleted would fail.
            chosen = list(devices.select_for_update(of=["self"]).filter(revoked_at=None))
            for device in chosen:
                device.revoked_at = timezone.now()
                device.save(update_fields=["revoked_at"])
                self.log_change(request, device, [{"changed": {"fields": ["revoked_at"]}}])
        messages.success(request, _("Devices revoked: %(count)s.") % {"count": len(chosen)})
