"""The entrance: where a connection begins, and is found to be a screen's or anything else.

Daphne takes each for HTTP: Twisted makes objects of the request, Daphne finds the upgrade and puts the same bytes
together again for autobahn, which parses them once more. That, and to clear it up, is a quarter of what a screen costs
that connects. So a handshake as Nginx passes it on is given to autobahn as it came, and everything else to Daphne.
"""

import re
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.policies import TimeoutMixin

HEAD = re.compile(
    rb'GET /ws/[!-"$->@-~]*+(?:\?(?P<query>[!-"$-~]*+))? HTTP/1\.1\r\n(?:[A-Za-z0-9-]++: ?+[ -~]*+\r\n)*+\r\n'
)
"""A whole request for a screen's path, with nothing in it that two parsers might read in two ways.

Possessive (`*+`): nothing is looked at twice, so that it takes 4 microseconds, and no longer if it doesn't match."""
UPGRADE = b"\r\nupgrade: websocket\r\n"
BODY = re.compile(rb"\r\n(?:content-length|transfer-encoding):")
MOST_BYTES = 8192
SILENT_SECONDS = 60.0
"""After which one who has connected and says nothing is hung up on; Twisted's own patience with HTTP."""


class Entrance(Protocol, TimeoutMixin):
    """A connection that has said nothing yet. What it says first decides whose it is from then on."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def connectionMade(self) -> None:
        self.setTimeout(SILENT_SECONDS)  # type: ignore[no-untyped-call]

    def dataReceived(self, data: bytes) -> None:
        self.setTimeout(None)  # type: ignore[no-untyped-call]
        transport: Any = self.transport
        handshake = read_handshake(data)
        factory = self._server.ws_factory if handshake else self._server.http_factory
        protocol = factory.buildProtocol(transport.getPeer())
        if handshake:
            protocol._raw_query_string = handshake["query"] or b""  # as Daphne's HTTP hands it over
        transport.protocol = protocol
        protocol.makeConnection(transport)
        protocol.dataReceived(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.setTimeout(None)  # type: ignore[no-untyped-call]


def read_handshake(data: bytes) -> re.Match[bytes] | None:
    """A whole handshake's head, with its `query`; None: it may be one all the same, for Daphne to find out."""
    if len(data) > MOST_BYTES:
        return None
    lines = data.lower()
    return HEAD.fullmatch(data) if UPGRADE in lines and not BODY.search(lines) else None


class EntranceFactory(Factory):
    """Of a port of this server, which is Daphne's."""

    noisy = False

    def __init__(self, server: Any) -> None:
        self._server = server

    def buildProtocol(self, addr: object) -> Entrance:
        return Entrance(self._server)
