"""The paired screens of one replica, which may be revoked while they look."""

import logging
from typing import Protocol

log = logging.getLogger(__name__)


class Revocable(Protocol):
    """A paired screen's consumer."""

    async def revoke(self) -> None:
        """Close its socket, and say that it has to go."""


class Paired:
    """By their credential_ids, of which one may be on several sockets for a moment."""

    def __init__(self) -> None:
        self._revoked: frozenset[str] = frozenset()
        self._screens: dict[str, set[Revocable]] = {}

    def join(self, credential_id: str, screen: Revocable) -> bool:
        """Keep it at hand; False if it was revoked."""
        if credential_id in self._revoked:
            return False
        self._screens.setdefault(credential_id, set()).add(screen)
        return True

    def leave(self, credential_id: str, screen: Revocable) -> None:
        """It is gone; one that isn't here is no fault."""
        if known := self._screens.get(credential_id):
            known.discard(screen)
            if not known:
                del self._screens[credential_id]

    async def revoke(self, credential_ids: frozenset[str]) -> None:
        """From now on these are revoked, and no others; those that look are closed."""
        self._revoked = credential_ids
        here = credential_ids & self._screens.keys()
        for screen in [each for credential_id in here for each in self._screens[credential_id]]:
            try:
                await screen.revoke()
            except OSError as fault:  # how some servers say that the socket has just been closed
                log.debug("screen lost: %r", fault)
