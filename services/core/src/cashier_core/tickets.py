"""The ticket: a screen's proof, in its websocket address, of which store it belongs to.

The ws service has no database: what it must know of a store before Redis tells it more is in here.
"""

import time
from dataclasses import dataclass

from django.core.signing import BadSignature, Signer

from cashier_core.call import LANGUAGES
from cashier_core.idle import Waiting

GOOD_SECONDS = 7 * 86_400
"""A ticket's life; pages renew theirs twice a day. Long enough for clocks that differ and for a web that is away."""


class BadTicket(ValueError):
    """The ticket is missing, was not signed by us, or doesn't say what a ticket says."""


class ExpiredTicket(BadTicket):
    """It was ours; whoever may have another one gets that with the screen's page."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a screen's websocket is let in with.

    store: the store's slug. waiting: what its screens say while nobody is called, unless Redis knows better.
    screen: mark of the paired screen whose it is, which may be revoked; "" for a page that is open to everybody.
    """

    store: str
    waiting: Waiting
    screen: str = ""

    def sign(self, key: str, now: float | None = None) -> str:
        """The ticket as text that fits into a URL's query as it is. now: in seconds since the epoch."""
        until = round((time.time() if now is None else now) + GOOD_SECONDS)
        told = [self.store, self.waiting.language, self.waiting.notice, self.screen, until, self.waiting.look]
        return _signer(key).sign_object(told)

    @classmethod
    def read(cls, text: str, key: str) -> "Ticket":
        """Raises BadTicket with a reason that may be told to anybody."""
        if not text:
            raise BadTicket("no ticket")
        try:
            told = _signer(key).unsign_object(text)
        except (BadSignature, ValueError):
            raise BadTicket("the ticket isn't ours") from None
        try:
            store, language, notice, screen, until, look = told
        except ValueError:
            raise ExpiredTicket("the ticket is of another version") from None
        if until < time.time():
            raise ExpiredTicket("the ticket has expired")
        if language not in LANGUAGES:
            raise BadTicket("the ticket's language is unknown")
        return cls(store, Waiting(language, notice, look), screen)


def _signer(key: str) -> Signer:
    return Signer(key=key, salt="cashier.screen")
