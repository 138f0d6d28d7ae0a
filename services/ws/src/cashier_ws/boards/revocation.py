"""The paired screens that are connected to this replica, and which credentials are revoked."""

import logging
from typing import Protocol

log = logging.getLogger(__name__)


class Revocable(Protocol):
    """The consumer of a paired screen."""

    async def revoke(self) -> None:
        """Close the connection with a code that tells the page to leave."""


class PairedScreens:
    """Connected screens by credential id. A screen that reconnects may have two connections for a moment."""

    def __init__(self) -> None:
        self._revoked: frozenset[str] = frozenset()
        self._screens: dict[str, set[Revocable]] = {}

    def join(self, credential_id: str, screen: Revocable) -> bool:
        """Add a screen. Returns False, and does not add the screen, if its credential is revoked."""
        if credential_id in self._revoked:
            return False
        self._screens.setdefault(credential_id, set()).add(screen)
        return True

    def leave(self, credential_id: str, screen: Revocable) -> None:
        """Remove a screen. Does nothing if the screen is not here."""
        if screens := self._screens.get(credential_id):
            screens.discard(screen)
            if not screens:
                del self._screens[credential_id]

    async def revoke(self, credential_ids: frozenset[str]) -> None:
        """Set the revoked credentials (all of them, not only new ones), and close their screens."""
        self._revoked = credential_ids
        connected = credential_ids & self._screens.keys()
        for screen in [each for credential_id in connected for each in self._screens[credential_id]]:
            try:
                await screen.revoke()
            except OSError as fault:  # some servers raise this if the socket has just been closed
                log.debug("screen lost: %r", fault)
