"""The admin's page for finding and revoking screens.

Screens are not paired here. A manager pairs a screen at /claim, by entering the pairing code that the screen shows.
"""

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cashier_web.infra.redis_unavailable import message_without_redis
from cashier_web.models import Screen
from cashier_web.screens import manage


@admin.register(Screen)
class ScreenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists the screens of all stores, and revokes selected screens."""

    list_display = ["name", "store", "changed_at", "seen_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), "seen_at"]
    list_select_related = ["store"]
    search_fields = ["name", "store__name", "store__slug"]
    fields = readonly_fields = ("name", "store", "changed_at", "seen_at", "revoked_at")
    actions = ["revoke"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Screen | None = None) -> bool:
        """Return False: a screen can be revoked, but not deleted.

        A screen's row in the database says which tickets of the screen must be refused, so the row must not disappear.
        """
        return False

    @admin.action(description=gettext_lazy("Revoke selected screens"), permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[Screen]) -> None:
        with message_without_redis(request):
            with transaction.atomic():
                revoked = manage.revoke_screens(chosen)
                for screen in revoked:
                    self.log_change(request, screen, [{"changed": {"fields": ["revoked_at"]}}])
            messages.success(request, _("Screens revoked: %(count)s.") % {"count": len(revoked)})
