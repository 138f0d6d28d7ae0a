"""Makes the tokens of invitations. An invitation is a link at which a person chooses a password."""

from typing import Any

from django.contrib.auth.tokens import PasswordResetTokenGenerator


class Invitations(PasswordResetTokenGenerator):
    """Makes and checks the tokens in the links of invitations.

    Django's base class makes tokens for forgotten passwords. They are valid once, and for 3 days
    (PASSWORD_RESET_TIMEOUT). This class also makes a token invalid when the roles of the account change. Otherwise, a
    person could keep the link of a cashier's account, and use the link after the account has become a manager's.
    """

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        roles = sorted(user.memberships.values_list("store_id", "role"))
        return f"{super()._make_hash_value(user, timestamp)}{roles}{user.is_staff}{user.is_superuser}"


invitations = Invitations()
