"""Runs one ws replica for tests, in a real server.

The server is either the project's Daphne, which writes frames directly to sockets, or uvicorn.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from cashier_core.idle import Idle
from cashier_core.tickets import Ticket
from cashier_local.ports import free_port, responds, wait_until
from cashier_local.process import Process
from cashier_local.topology import VENVS, redis_url_of
from tests.support.topologies import Log

KEY = "ticket key of the tests " * 2
SERVERS = ["daphne", "uvicorn"]


class Server(Process):
    """One replica of ws."""

    def __init__(self, kind: str, redis_url: str, folder: Path, log: Log, **environment: str) -> None:
        self.port, self.log = free_port(), log
        self.url = f"http://127.0.0.1:{self.port}"
        address = ["-b", "127.0.0.1", "-p", str(self.port)]
        argv = {
            "daphne": [str(VENVS / "ws/bin/python"), "-m", "cashier_ws", *address],
            "uvicorn": [
                *(str(VENVS / "dev/bin/uvicorn"), "cashier_ws.asgi:application", "--port", str(self.port)),
                *("--log-level", "warning", "--ws-max-size", "1024"),
                *("--ws-per-message-deflate", "false"),
            ],
        }[kind]
        env = {
            "PATH": os.environ["PATH"],
            "REDIS_URL": redis_url_of("ws", redis_url),
            "CASHIER_TICKET_KEY": KEY,
            "CASHIER_DRAIN_SECONDS": "0",
            **environment,
        }
        env["DJANGO_SETTINGS_MODULE"] = "cashier_ws.settings"
        super().__init__("ws", argv, env, folder, log)


@contextmanager
def serve(kind: str, redis_url: str, folder: Path, **environment: str) -> Iterator[Server]:
    """Start one replica, wait until it answers, and stop it when the block ends."""
    server = Server(kind, redis_url, folder, Log(), **environment)
    server.start()
    try:
        wait_until(lambda: responds(f"{server.url}/healthz"), 20, f"{kind} answers")
        yield server
    finally:
        server.stop()


def path_of(
    store: str, *, language: str = "en", key: str = KEY, credential_id: str = "", now: float | None = None
) -> str:
    """Return the path of a store's websocket, including a ticket.

    The ticket is valid if `key` is the replica's ticket key. credential_id: the credential id of a paired screen. now:
    when the ticket was signed, as a Unix time in seconds; None for the present time.
    """
    return f"/ws/cashier_q/{store}?ticket={Ticket(store, Idle(language), credential_id).sign(key, now)}"


async def figures(server: Server) -> dict[str, float]:
    """Return the metrics of the replica. A key consists of a metric's name and labels, in the format of Prometheus."""
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{server.url}/metrics")).text
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}
