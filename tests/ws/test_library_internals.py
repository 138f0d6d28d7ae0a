"""Upgrades have not changed the internals of Daphne, Twisted and autobahn on which `cashier_ws.daphne` relies.

If a test fails after an upgrade, its message names a file and a function of `cashier_ws.daphne`. Adapt this function to
the new version, or remove it if it is no longer needed.
"""

import inspect
import re
import socket
from importlib.metadata import version
from types import SimpleNamespace
from unittest.mock import Mock

# Daphne must be imported before Twisted, because Daphne installs the asyncio reactor (Twisted's event loop).
import daphne.server  # isort: skip

import pytest
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket import protocol as autobahn_protocol
from daphne import http_protocol, ws_protocol
from daphne.cli import CommandLineInterface
from twisted.internet import abstract, asyncioreactor, endpoints, posixbase, tcp
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactor

from cashier_ws import daphne as ws_daphne
from cashier_ws.daphne.protocol import ScreenProtocol

OPTIONS = ["utf8validateIncoming", "failByDrop", "openHandshakeTimeout", "maxFramePayloadSize"]


def parameters(function) -> list[str]:
    return list(inspect.signature(function).parameters)


def source(function) -> str:
    """Return the source of a function on one line, so that a test does not depend on where its lines break."""
    return re.sub(r"\s+", " ", inspect.getsource(function))


@pytest.mark.parametrize("package", ["daphne", "twisted", "autobahn"])
def test_the_tested_versions_are_the_installed_ones(package) -> None:
    assert f"{package} {version(package)}" in ws_daphne.__doc__.replace("\n", " "), (
        f"{package} was upgraded: run tests/ws and `make bench`, then change the version in daphne/__init__.py"
    )


@pytest.mark.parametrize(
    ("method", "expected", "place"),
    [
        (daphne.server.Server.listen_success, ["self", "port"], "server.py, ScreenServer.listen_success"),
        (daphne.server.Server.create_application, ["self", "protocol", "scope"], "server.py, create_application"),
        (daphne.server.Server.protocol_disconnected, ["self", "protocol"], "server.py, protocol_disconnected"),
        (daphne.server.Server.kill_all_applications, ["self"], "server.py, kill_all_applications"),
        (daphne.server.Server.application_checker, ["self"], "server.py, application_checker"),
        (daphne.server.Server.timeout_checker, ["self"], "server.py, timeout_checker"),
        (daphne.server.Server.stop, ["self"], "server.py, drain"),
        (ws_protocol.WebSocketProtocol.onConnect, ["self", "request"], "protocol.py, onConnect"),
        (ws_protocol.WebSocketProtocol.onOpen, ["self"], "protocol.py, onOpen"),
        (ws_protocol.WebSocketProtocol.onClose, ["self", "wasClean", "code", "reason"], "protocol.py, onClose"),
        (ws_protocol.WebSocketProtocol.handle_reply, ["self", "message"], "protocol.py, handle_reply"),
        (WebSocketServerProtocol.connectionMade, ["self"], "protocol.py, connectionMade"),
        (WebSocketServerProtocol.dataReceived, ["self", "data"], "protocol.py, dataReceived"),
        (WebSocketServerProtocol._dataReceived, ["self", "data"], "protocol.py, dataReceived"),
        (WebSocketServerProtocol.dropConnection, ["self", "abort"], "protocol.py, dropConnection"),
        (WebSocketServerProtocol.consumeData, ["self"], "protocol.py, consumeData"),
        (WebSocketServerProtocol.onFrameBegin, ["self"], "protocol.py, onFrameBegin"),
        (WebSocketServerProtocol._fail_connection, ["self", "code", "reason"], "protocol.py, _fail_connection"),
        (WebSocketServerProtocol.sendData, ["self", "data", "sync", "chopsize"], "protocol.py, sendData"),
        (http_protocol.WebRequest.gotLength, ["self", "length"], "handshake.py, BodilessRequest"),
        (http_protocol.WebRequest.process, ["self"], "handshake.py, BodilessRequest"),
        (http_protocol.WebRequest.handleContentChunk, ["self", "data"], "handshake.py, BodilessRequest"),
        (
            WebSocketServerProtocol.sendCloseFrame,
            ["self", "code", "reasonUtf8", "isReply"],
            "protocol.py, close_with",
        ),
        (tcp.Port.doRead, ["self"], "listener.py, ScreenPort.doRead"),
        (tcp.Server.doWrite, ["self"], "frame_writer.py, send_frame"),
        (tcp.Server.registerProducer, ["self", "producer", "streaming"], "frame_writer.py, _begin_stuck"),
    ],
)
def test_a_method_that_is_overridden_or_called_has_its_signature(method, expected, place) -> None:
    assert parameters(method) == expected, f"cashier_ws/daphne/{place} relies on {method.__qualname__}"


def test_daphne_calls_the_hooks_of_its_server() -> None:
    run = source(daphne.server.Server.run)

    assert run.index("self.ws_factory =") < run.index("self.ready_callable()") < run.index("reactor.run("), (
        "server.py, ScreenServer.prepare, replaces the protocol before the reactor runs"
    )
    assert "self.http_factory =" in run, "handshake.py uses Server.http_factory"
    assert "addCallback(self.listen_success)" in run, "server.py, ScreenServer.listen_success, gets each port"
    assert "self.kill_all_applications" in run, "server.py overrides kill_all_applications"
    assert '["application_instance"]' in source(daphne.server.Server.create_application), (
        "server.py, kill_all_applications, reads application_instance in Server.connections"
    )
    assert '["disconnected"]' in source(daphne.server.Server.protocol_disconnected), (
        "server.py, _forget, reads disconnected in Server.connections"
    )
    assert "reactor.callLater(1, self.application_checker)" in run, "server.py overrides application_checker"
    assert "reactor.callLater(2, self.timeout_checker)" in run, "server.py overrides timeout_checker"
    assert CommandLineInterface.server_class is daphne.server.Server, "server.py, ScreenCommand, sets server_class"


def test_daphne_hands_the_query_from_http_to_websocket_in_one_attribute() -> None:
    process = source(http_protocol.WebRequest.process)

    assert "protocol._raw_query_string = self.query_string" in process, "handshake.py sets _raw_query_string"
    assert "transport.protocol = protocol" in process, "handshake.py replaces transport.protocol as Daphne does"
    assert "self._raw_query_string" in source(ws_protocol.WebSocketProtocol.onConnect), (
        "handshake.py sets _raw_query_string"
    )


def test_a_handshake_timeout_of_zero_means_no_timer() -> None:
    connection_made = source(autobahn_protocol.WebSocketProtocol._connectionMade)

    assert "if self.openHandshakeTimeout > 0: self.openHandshakeTimeoutCall =" in connection_made, (
        "server.py, ScreenServer.prepare, sets openHandshakeTimeout to 0"
    )


def test_daphne_gives_its_server_to_the_protocol() -> None:
    factory = ws_protocol.WebSocketFactory("the server")

    assert factory.server_class == "the server", "protocol.py, onConnect, reads factory.server_class.draining"
    assert factory.protocol is ws_protocol.WebSocketProtocol, "server.py, prepare, replaces ws_factory.protocol"
    assert "self.server = self.factory.server_class" in source(ws_protocol.WebSocketProtocol.onConnect), (
        "protocol.py, onClose, interprets a missing `server` as a connection that was refused"
    )


def test_autobahn_copies_the_options_in_config_attrs_to_each_connection() -> None:
    names, factory = WebSocketServerProtocol.CONFIG_ATTRS, WebSocketServerFactory()

    assert set(OPTIONS) <= set(names), "protocol.py, adopt_options, reads CONFIG_ATTRS"
    assert all(hasattr(factory, name) for name in names), (
        "protocol.py, adopt_options, reads the options from the factory"
    )
    copy = source(autobahn_protocol.WebSocketProtocol._connectionMade)
    assert "for configAttr in self.CONFIG_ATTRS: if not hasattr(self, configAttr):" in copy, (
        "protocol.py, adopt_options, empties CONFIG_ATTRS and sets the options on the class"
    )
    assert "pformat(configAttrLog)" in copy, "protocol.py, adopt_options, is no longer needed if nothing is formatted"


def test_autobahn_keeps_its_state_where_the_protocol_reads_it() -> None:
    screen = ws_protocol.WebSocketProtocol()
    screen.factory = ws_protocol.WebSocketFactory("the server")
    autobahn_protocol.WebSocketProtocol._connectionMade(screen)

    assert screen.state == screen.STATE_CONNECTING, "protocol.py, can_send, reads state"
    assert screen.STATE_OPEN != screen.STATE_CONNECTING, "protocol.py, can_send, compares with STATE_OPEN"
    assert screen.wasClean is False, "protocol.py, dropConnection, reads wasClean"
    handshake = source(autobahn_protocol.WebSocketServerProtocol.processHandshake)
    assert "self.http_headers" in handshake, "protocol.py, onOpen, clears http_headers"
    assert "self.http_request_data =" in handshake, "protocol.py, onOpen, clears http_request_data"


def test_autobahn_only_logs_before_it_handles_received_bytes() -> None:
    received: list[bytes] = []
    # This fake connection has only the attributes that autobahn needs for its log message, and `_dataReceived`. If
    # autobahn uses another attribute before it calls `_dataReceived`, the test fails with an AttributeError.
    connection = SimpleNamespace(log=Mock(), peer="", _dataReceived=received.append)
    connection.dataReceived = lambda data: WebSocketServerProtocol.dataReceived(connection, data)
    connection.dataReceived(b"x")

    assert received == [b"x"], "protocol.py, dataReceived, skips everything but _dataReceived"
    assert connection.log.debug.called, "protocol.py, dataReceived, is no longer needed if nothing is logged"


def test_autobahn_begins_each_frame_and_writes_each_frame_in_one_place() -> None:
    protocol = autobahn_protocol.WebSocketProtocol
    begin = source(protocol.processData)
    assert begin.index("self.current_frame = FrameHeader(") < begin.index("self.onFrameBegin()"), (
        "protocol.py, onFrameBegin, counts each frame and reads current_frame.opcode"
    )
    assert "if self.current_frame is None" in begin, "protocol.py, dataReceived, reads current_frame between frames"
    assert "self.inside_message = True" in source(protocol.onFrameBegin), (
        "protocol.py, dataReceived, reads inside_message"
    )
    assert "self.state != WebSocketProtocol.STATE_CLOSED" in source(protocol.consumeData), (
        "protocol.py, onFrameBegin, ends the parsing by dropping the connection"
    )
    assert "if not self.failedByMe" in source(protocol.onMessageEnd), "protocol.py, _fail_connection, sets failedByMe"
    assert source(protocol.sendFrame).count("self.sendData(raw, sync, chopsize)") == 1, (
        "protocol.py, sendData, gets each frame with one call"
    )
    assert "self.localCloseCode = code" in source(protocol.sendCloseFrame), "protocol.py, onClose, reads localCloseCode"


@pytest.mark.parametrize(("kind", "kept"), [(ws_protocol.WebSocketProtocol, b"rest"), (ScreenProtocol, b"")])
def test_autobahn_keeps_the_bytes_that_it_has_not_parsed_and_a_screen_does_not(kind, kept) -> None:
    connection = kind()
    connection.state, connection.data = connection.STATE_CLOSED, b"rest"
    connection.consumeData()

    assert connection.data == kept, "protocol.py, consumeData, is no longer needed if autobahn keeps nothing"


def test_autobahn_refers_to_a_connection_in_the_result_of_is_closed() -> None:
    assert "txaio.resolve(self.is_closed, self)" in source(autobahn_protocol.WebSocketProtocol._connectionLost), (
        "protocol.py, onClose, breaks this cycle; tests/ws/test_floods.py notices whether there are other cycles"
    )


def test_autobahn_compresses_only_if_the_server_accepts_it() -> None:
    assert WebSocketServerFactory().perMessageCompressionAccept("an offer") is None, (
        "server.py, prepare, must turn compression off: a short frame could otherwise contain a very long message"
    )


def test_daphne_sets_the_class_of_a_request_on_its_protocol() -> None:
    assert "protocol.requestFactory = WebRequest" in source(http_protocol.HTTPFactory.buildProtocol), (
        "handshake.py, FirstBytes, sets requestFactory to BodilessRequest"
    )


def test_autobahn_refuses_the_close_codes_that_make_a_browser_reconnect() -> None:
    send_close = source(autobahn_protocol.WebSocketProtocol.sendClose)

    assert "if code != 1000 and not (3000 <= code <= 4999)" in send_close, (
        "protocol.py, close_with, uses sendCloseFrame only because sendClose refuses these codes"
    )


def test_twisted_keeps_unwritten_bytes_where_the_protocol_looks_for_them() -> None:
    descriptor = abstract.FileDescriptor(reactor=MemoryReactor())
    descriptor.connected = True
    assert not descriptor.dataBuffer, "frame_writer.py, is_buffered, reads dataBuffer"
    assert not descriptor._tempDataBuffer, "frame_writer.py, is_buffered, reads _tempDataBuffer"

    descriptor.write(b"x")

    assert descriptor.dataBuffer or descriptor._tempDataBuffer, (
        "frame_writer.py, is_buffered, looks for unwritten bytes"
    )


def test_twisted_asks_a_pull_producer_each_time_it_has_written_everything() -> None:
    write = source(abstract.FileDescriptor.doWrite)

    assert "self.producer.resumeProducing()" in write, "protocol.py, resumeProducing, sends the newest frame"


def test_twisted_accepts_as_many_connections_as_a_port_says_and_raises_the_number() -> None:
    port = tcp.Port(0, Factory.forProtocol(Protocol), interface="127.0.0.1", reactor=MemoryReactor())
    port.startListening()
    assert isinstance(port.socket, socket.socket)
    assert type(port) is tcp.Port, "listener.py, adopt_port, replaces the class of exactly this type"
    port.numberAccepts = 1
    with socket.create_connection(port.socket.getsockname()):
        port.doRead()
    readers = [each for each in port.reactor.readers if isinstance(each, tcp.Server)]
    for each in [*readers, port]:
        each.socket.close()

    assert len(readers) == 1
    assert port.numberAccepts > 1, "listener.py, ScreenPort.doRead, interprets a raised number as a full backlog"


def test_a_tcp_endpoint_listens_with_a_plain_port() -> None:
    assert "tcp.Port(port, factory, backlog, interface, self)" in source(posixbase.PosixReactorBase.listenTCP), (
        "listener.py, adopt_port, replaces the class of the port that an endpoint creates"
    )
    assert issubclass(asyncioreactor.AsyncioSelectorReactor, posixbase.PosixReactorBase)
    assert "backlog" in parameters(endpoints._parseTCP), "server.py, ScreenServer, appends backlog= to the endpoint"
