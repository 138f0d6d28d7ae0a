"""Defines the ticket: a signed text in the address of a screen's websocket.

A ticket proves to ws which store the screen may show. ws has no database. Therefore the ticket also contains the idle
text and the appearance of the store, which ws uses until it has read newer values from Redis.
"""

import time
from dataclasses import dataclass

from django.core.signing import BadSignature, Signer

from cashier_core.call import LANGUAGES
from cashier_core.idle import Idle

GOOD_SECONDS = 7 * 86_400
"""The seconds for which a ticket is valid: a week.

A page fetches a new ticket twice a day. The ticket is valid for longer, because web may be down for some days, and the
clocks of the hosts may differ.
"""


class BadTicket(ValueError):
    """Raised if a ticket is missing, has a wrong signature, or has invalid content."""


class ExpiredTicket(BadTicket):
    """Raised if a ticket has a valid signature, but is too old or was made by another version of web.

    The screen's page then fetches a new ticket.
    """


@dataclass(frozen=True, slots=True)
class Ticket:
    """The content of a ticket.

    store: the slug of the store.
    idle: the idle text and the appearance of the store, which are used until ws has read newer values from Redis.
    credential_id: the credential_id of the paired screen for which the ticket was made; "" if the ticket was made for a
    screen that is not paired. The ticket is refused after the screen was revoked.
    """

    store: str
    idle: Idle
    credential_id: str = ""

    def sign(self, key: str, now: float | None = None) -> str:
        """Sign the ticket, and return it as a text that can be used in the query of a URL without quoting.

        now: the current Unix time in seconds; None for the time of the system clock.
        """
        until = round((time.time() if now is None else now) + GOOD_SECONDS)
        idle = self.idle
        values = [self.store, idle.language, idle.notice, self.credential_id, until, idle.appearance_id]
        return _signer(key).sign_object(values)

    @classmethod
    def read(cls, text: str, key: str) -> "Ticket":
        """Check and parse a ticket. Raises BadTicket with a reason that may be sent to the client."""
        if not text:
            raise BadTicket("no ticket")
        try:
            values = _signer(key).unsign_object(text)
        except (BadSignature, ValueError):
            raise BadTicket("the ticket isn't ours") from None
        try:
            store, language, notice, credential_id, until, appearance_id = values
        except ValueError:
            raise ExpiredTicket("the ticket is of another version") from None
        if until < time.time():
            raise ExpiredTicket("the ticket has expired")
        if language not in LANGUAGES:
            raise BadTicket("the ticket's language is unknown")
        return cls(store, Idle(language, notice, appearance_id), credential_id)


def _signer(key: str) -> Signer:
    return Signer(key=key, salt="cashier.screen")
