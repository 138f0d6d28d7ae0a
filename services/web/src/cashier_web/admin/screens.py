"""The screens in the admin: to find and to revoke; they are paired where their codes are entered."""

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from redis.exceptions import RedisError

from cashier_web.infra import metrics
from cashier_web.models import Screen
from cashier_web.screens import manage


@admin.register(Screen)
class ScreenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Of all stores."""

    list_display = ["name", "store", "changed_at", "seen_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), "seen_at"]
    list_select_related = ["store"]
    search_fields = ["name", "store__name", "store__slug"]
    fields = readonly_fields = ("name", "store", "changed_at", "seen_at", "revoked_at")
    actions = ["revoke"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Screen | None = None) -> bool:
        """What is known of its tickets must stay for as long as they are good."""
        return False

    @admin.action(description=gettext_lazy("Revoke selected screens"), permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[Screen]) -> None:
        try:
            with transaction.atomic():
                revoked = manage.revoke(chosen)
                for screen in revoked:
                    self.log_change(request, screen, [{"changed": {"fields": ["revoked_at"]}}])
        except RedisError:
            metrics.REDIS_ERRORS.inc()
            messages.error(request, _("Nothing was changed: the screens can't be reached just now."))
            return
        messages.success(request, _("Screens revoked: %(count)s.") % {"count": len(revoked)})
