"""The ticket: a screen's proof, in its websocket address, of which store it belongs to.

The ws service has no database: what it must know of a store before Redis tells it more is in here.
"""

from dataclasses import dataclass

from django.core.signing import BadSignature, Signer

from cashier_core.call import LANGUAGES
from cashier_core.waiting import Waiting


class BadTicket(ValueError):
    """The ticket is missing, was not signed by us, or doesn't say what a ticket says."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """store: the store's slug. waiting: what its screens say while nobody is called, unless Redis knows better."""

    store: str
    waiting: Waiting

    def sign(self, key: str) -> str:
        """The ticket as text that fits into a URL's query as it is."""
        # Without a notice as it was in version 0.1, so that a ws that is yet to be updated takes it.
        notice = [self.waiting.notice] if self.waiting.notice else []
        return _signer(key).sign_object([self.store, self.waiting.language, *notice])

    @classmethod
    def read(cls, text: str, key: str) -> "Ticket":
        """Raises BadTicket with a reason that may be told to anybody."""
        if not text:
            raise BadTicket("no ticket")
        try:
            store, language, *rest = _signer(key).unsign_object(text)
            (notice,) = rest or [""]
        except (BadSignature, ValueError):
            raise BadTicket("the ticket isn't ours") from None
        if language not in LANGUAGES:
            raise BadTicket("the ticket's language is unknown")
        return cls(store, Waiting(language, notice))


def _signer(key: str) -> Signer:
    return Signer(key=key, salt="cashier.screen")
