"""Remembers the paired screens of this replica and the revoked credentials, and closes revoked screens."""

import logging
from typing import Protocol

log = logging.getLogger(__name__)


class Revocable(Protocol):
    """An interface: the method that `PairedScreens` calls on the consumer of a revoked screen."""

    async def revoke(self) -> None:
        """Close the websocket of the screen with code 4410. The page then asks web for a new ticket."""


class PairedScreens:
    """The paired screens that are connected to this replica, by credential_id.

    A credential_id can have several connections, for example for a moment while a screen reconnects.
    """

    def __init__(self) -> None:
        self._revoked: frozenset[str] = frozenset()
        self._screens: dict[str, set[Revocable]] = {}

    def join(self, credential_id: str, screen: Revocable) -> bool:
        """Add a screen and return True. If its credential is revoked, do not add the screen and return False."""
        if credential_id in self._revoked:
            return False
        self._screens.setdefault(credential_id, set()).add(screen)
        return True

    def leave(self, credential_id: str, screen: Revocable) -> None:
        """Remove a paired screen. Does nothing if the screen was not added."""
        if screens := self._screens.get(credential_id):
            screens.discard(screen)
            if not screens:
                del self._screens[credential_id]

    async def revoke(self, credential_ids: frozenset[str]) -> None:
        """Remember these credential_ids as revoked, and close the screens that have one of them.

        credential_ids: all revoked ids, not only those that are new since the last time.
        """
        self._revoked = credential_ids
        connected = credential_ids & self._screens.keys()
        for screen in [each for credential_id in connected for each in self._screens[credential_id]]:
            try:
                await screen.revoke()
            except OSError as fault:
                # Some servers raise OSError if the socket has just been closed. The screen is then gone anyway.
                log.debug("screen lost: %r", fault)
