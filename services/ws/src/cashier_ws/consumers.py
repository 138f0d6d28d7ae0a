"""Defines the consumer, which handles the websocket of one screen.

It checks the ticket, adds the screen to its board, and answers the pings of pages.
"""

import asyncio
import contextlib
import logging
import sys
import time
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from cashier_core.call import DEFAULT_STORE
from cashier_core.tickets import BadTicket, ExpiredTicket, Ticket
from cashier_ws import metrics
from cashier_ws.allowance import Allowance
from cashier_ws.boards.board import Board, Screen
from cashier_ws.boards.frames import Frame
from cashier_ws.boards.heartbeats import HEARTBEAT
from cashier_ws.boards.hub import Hub
from cashier_ws.boards.reports import REPORT_BEGINS, Reporter
from cashier_ws.screens import open_screen
from cashier_ws.settings import ENVIRONMENT

PING = "ping"
"""A page sends this message if it wants to know whether its connection is alive. The answer is a heartbeat.

Pages of version 0.1.0 send it every 15 s. Newer pages send it only until they get their first heartbeat, and when the
network of the screen changes.
"""
RECONNECTED = "again"
"""A page sends this message after it has connected again. ws counts these messages as reconnects."""
CLOSE_REASONS = {
    1000: "done",
    1001: "the page was left",
    1002: "invalid frame",
    1006: "connection lost",
    1007: "not UTF-8",
    1008: "too many frames",
    1009: "too long a message",
    1012: "this replica is restarting",
    1013: "too slow",
    4000: "the picture of the screen is frozen",
}
REVOKED = 4410

log = logging.getLogger(__name__)


class Refused(Exception):
    """Raised if a screen may not connect.

    The websocket of the screen is then closed with the code and the reason of the exception.
    """

    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason


class CashierConsumer(AsyncWebsocketConsumer):
    """Handles the websocket of one screen, and adds the screen to its store's board.

    If a screen is refused, its handshake is accepted first, and the websocket is closed afterwards with a close code.
    The reason is that JavaScript can read a close code, but not the answer to a refused handshake. The codes are:

    - 4401: the address contains no ticket.
    - 4403: the ticket is not valid, or is for another store, or the header `Origin` names another site.
    - 4410: the ticket has expired, or the screen was revoked. The page then asks web for a new ticket.
    """

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self._hub = hub
        self._board: Board | None = None
        self._screen: Screen | None = None
        self._allowance = Allowance()
        self._opened_at = time.monotonic()
        self._has_reconnected = False
        self._client: dict[str, str] = {}
        self._proxy = ""
        """The IP address of the Nginx through which the screen is connected."""
        self.reporter: Reporter
        """The screen, as the readers of its reports know it. It exists if the ticket of the screen is valid."""

    async def __call__(
        self,
        scope: Any,
        receive: Any,
        send: Any,
    ) -> None:
        # This method replaces the method of the base class. The method of the base class creates a channel, a
        # subscription and a task for each websocket. A screen does not need them, because it gets its frames from its
        # board. The method of the base class also closes database connections after each message, but ws has no
        # database.
        self.scope, self.base_send = scope, send
        try:
            while True:
                message = await receive()
                await getattr(self, get_handler_name(message))(message)
        except StopConsumer:
            pass
        finally:
            # If the task ends without a disconnect message, `_leave` removes the screen from its board. After a
            # disconnect message, the screen has already left, and `_leave` does nothing.
            self._leave(1006, "cut off")

    async def connect(self) -> None:
        await self.accept()
        self._client = client_of(self.scope)
        try:
            ticket = ticket_of(self.scope)
            self.reporter = Reporter(ticket.credential_id, asyncio.get_running_loop().time())
            if ticket.credential_id and not self._hub.paired_screens.join(ticket.credential_id, self):
                raise Refused(REVOKED, "revoked")
        except Refused as refused:
            metrics.REFUSED.labels(refused.code).inc()
            log.info("screen refused", extra={"code": refused.code, "reason": refused.reason, **self._client})
            await self.close(refused.code, refused.reason)
            return
        screen = open_screen(self.scope, self.send, self._give_up, ENVIRONMENT.cashier_stuck_seconds, self.reporter)
        self._screen, self._board = screen, self._hub.join(ticket, screen)
        self._proxy = sys.intern((self.scope.get("client") or [""])[0])
        self._hub.balance.join(self._proxy, self)
        screen.pass_reports_to(partial(self._hub.take_report, ticket.store, self.reporter))
        # The ASGI scope and its headers would stay in memory as long as the screen is connected, which may be months.
        # Nothing reads the scope and the headers again, so they are emptied.
        cast(list[Any], self.scope["headers"]).clear()
        cast(dict[str, Any], self.scope).clear()
        metrics.OPENED.inc()
        log.info("screen connected", extra={"store": ticket.store, **self._client})

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._board is None or self._screen is None:
            return
        if not self._allowance.take():
            metrics.FLOODS.inc()
            await self._close_with(1008, "too many frames")
        elif text_data is None:
            await self._close_with(1003, "a screen sends no binary frames")
        elif text_data == RECONNECTED and not self._has_reconnected:
            self._has_reconnected = True
            metrics.RECONNECTED.inc()
        elif text_data.startswith(REPORT_BEGINS):
            self._hub.take_report(self._board.store, self.reporter, text_data)
        elif text_data == PING:
            # Some ASGI servers raise OSError if the connection has just ended. The screen then needs no answer.
            with contextlib.suppress(OSError):
                await self.send(HEARTBEAT.text)

    async def websocket_disconnect(self, message: Any) -> None:
        self._leave(message.get("code") or 1006)
        raise StopConsumer()

    def send_if_clear(self, frame: Frame) -> None:
        """Send a frame to the screen, unless earlier frames still wait to be sent."""
        if self._screen:
            self._screen.send_if_clear(frame)

    @property
    def shows_no_call(self) -> bool:
        return self._board is not None and self._board.shows_no_call

    async def move(self) -> None:
        """Close the websocket, because other replicas have fewer screens. The page then connects again."""
        # Some ASGI servers raise OSError if the connection has just ended.
        with contextlib.suppress(OSError):
            await self._close_with(1012, "other replicas have fewer screens")

    async def revoke(self) -> None:
        """Close the websocket, because the credential of the screen was revoked.

        The page then asks web for a new ticket.
        """
        await self._close_with(REVOKED, "revoked")

    async def _give_up(self) -> None:
        await self._close_with(1013, "too slow")

    async def _close_with(self, code: int, reason: str) -> None:
        self._leave(code, reason)
        await self.close(code, reason)

    def _leave(self, code: int, reason: str = "") -> None:
        """Remove the screen from its board, and log the close code. Does nothing if the screen has already left."""
        if self._board is None or self._screen is None:
            return
        metrics.CLOSED.labels(metrics.code_label(code)).inc()
        log.info(
            "screen closed",
            extra={
                "store": self._board.store,
                "code": code,
                "why": reason or CLOSE_REASONS.get(code, ""),
                "seconds": round(time.monotonic() - self._opened_at, 1),
                **self._client,
            },
        )
        self._hub.leave(self._board, self._screen)
        self._hub.balance.leave(self._proxy, self)
        self._screen.close()
        self._hub.paired_screens.leave(self.reporter.credential_id, self)
        self._hub.statuses.leave(self.reporter, code, asyncio.get_running_loop().time())
        self._board = self._screen = None


def client_of(scope: Any) -> dict[str, str]:
    """Return the IP address of the screen and the request_id, which all log lines about the screen contain.

    Both values are in headers that Nginx has added to the handshake.
    """
    headers = dict(scope["headers"])
    return {
        "address": headers.get(b"x-forwarded-for", b"").decode("latin1"),
        "request_id": headers.get(b"x-request-id", b"").decode("latin1"),
    }


def ticket_of(scope: Any) -> Ticket:
    """Read and check the ticket of a screen. Raises Refused if the screen may not connect."""
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
    """Return whether the page that has opened the websocket comes from this host.

    The browser sets the header `Origin` to the site of the page. A page cannot change this header.
    """
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
