"""A receiver of webhooks that checks the signatures as a customer's program does."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from standardwebhooks import Webhook


class WebhookReceiver:
    """Receives messages on a port, and checks their signatures.

    status: the status that it answers. gate: while this event is not set, it answers nothing. arrived: is released once
    for each request. messages: the messages that were accepted, as pairs of the id and the content. A message that
    comes twice is in the list twice.
    """

    def __init__(self, port: int = 0) -> None:
        self.secret, self.status = "", 204
        self.gate, self.arrived = threading.Event(), threading.Semaphore(0)
        self.gate.set()
        self.messages: list[tuple[str, dict[str, Any]]] = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.arrived.release()
                receiver.gate.wait(60)
                content = Webhook(receiver.secret).verify(body, dict(self.headers))
                if receiver.status < 300:
                    receiver.messages.append((self.headers["webhook-id"], content))
                self.send_response(receiver.status)
                self.send_header("Location", "http://127.0.0.1:9/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Write nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/alarms"


@contextmanager
def running(receiver: WebhookReceiver) -> Iterator[WebhookReceiver]:
    """Let the receiver answer requests. At the end, its port is closed."""
    thread = threading.Thread(target=receiver.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()
