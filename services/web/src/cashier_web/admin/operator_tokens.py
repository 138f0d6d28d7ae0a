"""The admin's page for creating and revoking operator tokens."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cashier_web.infra.tokens import new_token, token_hash
from cashier_web.models import OperatorToken


@admin.register(OperatorToken)
class OperatorTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Creates operator tokens, of which only the name is entered, and revokes selected tokens."""

    list_display = ["name", "made_at", "used_at", "revoked_at"]
    fields = ("name", "made_at", "used_at", "revoked_at")
    readonly_fields = ("made_at", "used_at", "revoked_at")
    actions = ["revoke"]

    def has_delete_permission(self, request: HttpRequest, obj: OperatorToken | None = None) -> bool:
        """Return False: a token can be revoked, but not deleted, so that its name stays in the list."""
        return False

    def save_model(
        self, request: HttpRequest, obj: OperatorToken, form: "ModelForm[OperatorToken]", change: bool
    ) -> None:
        """Save a token. A new token is shown once, in a message."""
        if not change:
            token = new_token()
            obj.token_hash = token_hash(token)
            messages.warning(request, _("Copy this token now. It is shown only once: %(token)s") % {"token": token})
        super().save_model(request, obj, form, change)

    @admin.action(description=gettext_lazy("Revoke selected tokens"), permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[OperatorToken]) -> None:
        with transaction.atomic():
            tokens: list[Any] = list(chosen.select_for_update().filter(revoked_at=None))
            for each in tokens:
                each.revoked_at = timezone.now()
                each.save(update_fields=["revoked_at"])
                self.log_change(request, each, [{"changed": {"fields": ["revoked_at"]}}])
        messages.success(request, _("Tokens revoked: %(count)s.") % {"count": len(tokens)})
