"""The ticket: a signed part of a screen's websocket address, which proves to ws which store the screen may show.

The ws service has no database. The ticket therefore also contains what ws needs to know about the store until Redis
tells ws more.
"""

import time
from dataclasses import dataclass

from django.core.signing import BadSignature, Signer

from cashier_core.call import LANGUAGES
from cashier_core.idle import Idle

GOOD_SECONDS = 7 * 86_400
"""A ticket is valid for this long; pages fetch a new one twice a day. A week leaves room for clocks that differ and for
a web service that is down."""


class BadTicket(ValueError):
    """The ticket is missing, has a wrong signature, or has content that no ticket has."""


class ExpiredTicket(BadTicket):
    """The signature is right, but the ticket is too old or of another version. The screen's page fetches a new one."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The content of a ticket.

    store: the store's slug.
    idle: the text between calls, which is shown unless Redis knows a newer one.
    credential_id: identifies the paired screen that the ticket was made for, which can be revoked; "" for a screen that
    anybody may open.
    """

    store: str
    idle: Idle
    credential_id: str = ""

    def sign(self, key: str, now: float | None = None) -> str:
        """Return the ticket as text that needs no quoting in a URL's query. now: seconds since the epoch."""
        until = round((time.time() if now is None else now) + GOOD_SECONDS)
        idle = self.idle
        values = [self.store, idle.language, idle.notice, self.credential_id, until, idle.appearance_id]
        return _signer(key).sign_object(values)

    @classmethod
    def read(cls, text: str, key: str) -> "Ticket":
        """Check and parse a ticket. Raises BadTicket; its reason contains no secret."""
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
