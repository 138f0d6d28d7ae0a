"""Invitations: links with which people choose their password."""

from typing import Any

from django.contrib.auth.tokens import PasswordResetTokenGenerator


class Invitations(PasswordResetTokenGenerator):
    """Makes and checks the tokens of invitations: valid once, and for 3 days (PASSWORD_RESET_TIMEOUT).

    Django's tokens for forgotten passwords do this. In addition, a token becomes invalid when the account's roles
    change: a person who was given the link for a cashier's account must not get into a manager's account with it.
    """

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        roles = sorted(user.memberships.values_list("store_id", "role"))
        return f"{super()._make_hash_value(user, timestamp)}{roles}{user.is_staff}{user.is_superuser}"


invitations = Invitations()
