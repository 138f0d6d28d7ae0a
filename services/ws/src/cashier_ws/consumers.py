"""The consumer: one per screen's socket. It admits the screen, hands it to its board and hears its heartbeat."""

import contextlib
import logging
import time
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from cashier_core.call import DEFAULT_STORE
from cashier_core.tickets import BadTicket, ExpiredTicket, Ticket
from cashier_ws import metrics
from cashier_ws.boards.board import Board
from cashier_ws.boards.hub import Boards
from cashier_ws.screens import Screen, open_screen
from cashier_ws.settings import ENVIRONMENT

HEARTBEAT, ANSWER = "ping", "pong"
AGAIN = "again"
"""What a page sends first on every connection but its first one."""
WHY = {
    1000: "done",
    1001: "the page was left",
    1006: "connection lost",
    1012: "this replica is restarting",
    1013: "too slow",
}
REVOKED = 4410
BURST, PER_SECOND = 10, 0.5
"""Frames that a screen may send at once, and on average; its page sends one heartbeat in 15 s."""

log = logging.getLogger(__name__)


class Refused(Exception):
    """A socket that isn't one of our screens: close code and reason, both told to it."""

    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason


class CashierConsumer(AsyncWebsocketConsumer):
    """Accepts a screen and puts it on its board.

    Refused sockets are accepted and then closed with 4401 (no ticket), 4403 (forged, another store's, foreign
    Origin), 4404 (no such path) or 4410 (expired or revoked: the page takes what it may have now), because a
    browser's page can't read the answer to a refused handshake.
    """

    def __init__(self, boards: Boards) -> None:
        super().__init__()
        self._boards = boards
        self._board: Board | None = None
        self._credential_id = ""
        self._screen: Screen | None = None
        self._allowance, self._counted_at = float(BURST), time.monotonic()
        self._opened_at = self._counted_at
        self._came_again = False
        self._told: dict[str, str] = {}

    async def __call__(
        self,
        scope: Any,
        receive: Any,
        send: Any,
    ) -> None:
        # Instead of the base class's: a screen joins its board, so it needs no channel, subscription and task
        # of its own, and a service without a database has no connections to close after every message.
        self.scope, self.base_send = scope, send
        try:
            while True:
                message = await receive()
                await getattr(self, get_handler_name(message))(message)
        except StopConsumer:
            pass
        finally:
            self._close_account(1006, "cut off")  # if nobody said why before

    async def connect(self) -> None:
        await self.accept()
        self._told = told_of(self.scope)
        try:
            ticket = admit(self.scope)
            if ticket.credential_id and not self._boards.paired.join(ticket.credential_id, self):
                raise Refused(REVOKED, "revoked")
        except Refused as refused:
            metrics.REFUSED.labels(refused.code).inc()
            log.info("screen refused", extra={"code": refused.code, "reason": refused.reason, **self._told})
            await self.close(refused.code, refused.reason)
            return
        stuck_seconds = ENVIRONMENT.cashier_stuck_seconds
        self._screen = open_screen(self.scope, self.send, self._give_up, stuck_seconds)
        self._board = self._boards.join(ticket, self._screen)
        self._credential_id = ticket.credential_id
        # Kept for as long as the screen is here, this one and what the server has of it; nobody reads them again.
        cast(list[Any], self.scope["headers"]).clear()
        cast(dict[str, Any], self.scope).clear()
        metrics.OPENED.inc()
        log.info("screen connected", extra={"store": ticket.store, **self._told})

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._board is None:
            return
        now = time.monotonic()
        self._allowance = min(BURST, self._allowance + (now - self._counted_at) * PER_SECOND) - 1
        self._counted_at = now
        if self._allowance < 0:
            await self._drop(1008, "too many frames")
        elif text_data is None:
            await self._drop(1003, "a screen sends no binary frames")
        elif text_data == AGAIN and not self._came_again:
            self._came_again = True
            metrics.RECONNECTED.inc()
        elif text_data == HEARTBEAT:
            with contextlib.suppress(OSError):  # how other servers say that the socket has just been closed
                await self.send(ANSWER)

    async def websocket_disconnect(self, message: Any) -> None:
        self._close_account(message.get("code") or 1006)
        raise StopConsumer()

    async def revoke(self) -> None:
        """Its ticket is good no more; where it belongs now, its page is told by web."""
        await self._drop(REVOKED, "revoked")

    async def _give_up(self) -> None:
        await self._drop(1013, "too slow")

    async def _drop(self, code: int, reason: str) -> None:
        self._close_account(code, reason)
        await self.close(code, reason)

    def _close_account(self, code: int, reason: str = "") -> None:
        """Leave the board, and say once why."""
        if self._board:
            metrics.CLOSED.labels(metrics.code_label(code)).inc()
            told = {"store": self._board.store, "code": code, "why": reason or WHY.get(code, "")}
            seconds = round(time.monotonic() - self._opened_at, 1)
            log.info("screen closed", extra={**told, "seconds": seconds, **self._told})
        self._leave()

    def _leave(self) -> None:
        if self._board and self._screen:
            self._board.leave(self._screen)
            self._screen.close()
            self._boards.paired.leave(self._credential_id, self)
            self._board = self._screen = None


def told_of(scope: Any) -> dict[str, str]:
    """What Nginx tells of a screen: its address, and the word that is in the access log too."""
    headers = dict(scope["headers"])
    return {
        "address": headers.get(b"x-forwarded-for", b"").decode("latin1"),
        "request_id": headers.get(b"x-request-id", b"").decode("latin1"),
    }


def admit(scope: Any) -> Ticket:
    """The ticket of a screen that may be here. Raises Refused."""
    headers = {name.lower(): value.decode("latin1") for name, value in scope["headers"]}
    if not same_origin(headers.get(b"origin", ""), headers.get(b"host", "")):
        raise Refused(4403, "foreign Origin")
    text = parse_qs(scope["query_string"].decode("latin1")).get("ticket", [""])[0]
    if not text:
        raise Refused(4401, "no ticket")
    try:
        ticket = Ticket.read(text, ENVIRONMENT.cashier_ticket_key)
    except ExpiredTicket as fault:
        raise Refused(REVOKED, str(fault)) from None
    except BadTicket as fault:
        raise Refused(4403, str(fault)) from None
    if ticket.store != scope["url_route"]["kwargs"].get("store", DEFAULT_STORE):
        raise Refused(4403, "the ticket is another store's")
    return ticket


def same_origin(origin: str, host: str) -> bool:
    """Whether a page of this host made the connection; a browser can't be made to lie in `Origin`."""
    try:
        page = urlsplit(origin)
        default_port = {"http": 80, "https": 443}[page.scheme]
        served = urlsplit(f"//{host}")
        return page.hostname is not None and (page.hostname, page.port or default_port) == (
            served.hostname,
            served.port or default_port,
        )
    except (KeyError, ValueError):
        return False
