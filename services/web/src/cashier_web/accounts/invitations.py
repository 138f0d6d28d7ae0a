"""The invitations: links at which somebody chooses a password."""

from typing import Any

from django.contrib.auth.tokens import PasswordResetTokenGenerator


class Invitations(PasswordResetTokenGenerator):
    """Django's own for forgotten passwords: good once, and for 3 days (PASSWORD_RESET_TIMEOUT).

    And only for as long as the account's roles are what they were: who was given the link for a cashier's account must
    not become what that account has become since.
    """

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        roles = sorted(user.memberships.values_list("store_id", "role"))
        return f"{super()._make_hash_value(user, timestamp)}{roles}{user.is_staff}{user.is_superuser}"


invitations = Invitations()
