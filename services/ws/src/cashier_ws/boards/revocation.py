"""Remembers the paired screens of this replica and the revoked credentials, and closes revoked screens."""

import logging
from collections.abc import Iterator
from typing import Protocol

from cashier_ws.boards.frames import Frame
from cashier_ws.boards.reports import Reporter

log = logging.getLogger(__name__)


class PairedScreen(Protocol):
    """An interface: what `PairedScreens` needs of the consumer of a paired screen."""

    @property
    def reporter(self) -> Reporter:
        """The screen, as the readers of its reports know it."""

    def send_if_clear(self, frame: Frame) -> None:
        """Send a frame to the screen soon, unless earlier frames still wait to be sent."""

    async def revoke(self) -> None:
        """Close the websocket of the screen with code 4410. The page then asks web for a new ticket."""


class PairedScreens:
    """The paired screens that are connected to this replica, by credential_id.

    A credential_id can have several connections, for example for a moment while a screen reconnects.
    """

    def __init__(self) -> None:
        self._revoked: frozenset[str] = frozenset()
        self._screens: dict[str, set[PairedScreen]] = {}

    def join(self, credential_id: str, screen: PairedScreen) -> bool:
        """Add a screen and return True. If its credential is revoked, do not add the screen and return False."""
        if credential_id in self._revoked:
            return False
        self._screens.setdefault(credential_id, set()).add(screen)
        return True

    def leave(self, credential_id: str, screen: PairedScreen) -> None:
        """Remove a paired screen. Does nothing if the screen was not added."""
        if screens := self._screens.get(credential_id):
            screens.discard(screen)
            if not screens:
                del self._screens[credential_id]

    def credential_ids(self) -> list[str]:
        """Return the credential ids of the paired screens."""
        return list(self._screens)

    def reporters(self) -> Iterator[Reporter]:
        """Yield each connection of each paired screen."""
        return (screen.reporter for screens in self._screens.values() for screen in screens)

    def connections_of(self, credential_id: str) -> list[PairedScreen]:
        """Return the connections of one paired screen."""
        return list(self._screens.get(credential_id, ()))

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
