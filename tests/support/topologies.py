"""Runs topologies and a Redis server for tests, and collects the log lines of their processes.

The Redis server is Valkey, a fork of Redis.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from cashier_local.ports import free_port, wait_until
from cashier_local.process import Process
from cashier_local.topology import Topology, redis_url_of, valkey_argv
from tests.support.web_shell import WebShell


class Log:
    """Collects the log lines of all processes of a topology, in the order of their arrival."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, name: str, line: str) -> None:
        self.lines.append(f"{name} | {line}")

    def has(self, text: str, since: int = 0) -> bool:
        """Return whether a log line contains the text. Lines before the index `since` are ignored."""
        return any(text in line for line in self.lines[since:])


class Valkey(Process):
    """A Redis server that a test may stop and start. It keeps its data unless `lose_data` is called.

    url: the URL for tests, with all rights. web_url and ws_url have the rights of the services web and ws.
    environment: environment variables of the server, for example for libfaketime.
    """

    def __init__(self, folder: Path, log: Log, environment: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        super().__init__("redis", valkey_argv(self.port, folder), environment or {}, folder, log)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.web_url, self.ws_url = (redis_url_of(user, self.url) for user in ("web", "ws"))

    def start(self) -> None:
        super().start()
        wait_until(self.has_loaded_its_data, 10, "Valkey answers")

    def has_loaded_its_data(self) -> bool:
        with Redis.from_url(self.url) as client, contextlib.suppress(RedisError):
            return bool(client.ping())
        return False

    def lose_data(self) -> None:
        """Delete the data on disk. The server must be stopped."""
        lose_redis_data(self.cwd)


def wait_until_written(url: str) -> None:
    """Wait until Redis has written all changes to its append-only file.

    While the disk is busy with earlier changes, Redis delays the next write by up to two seconds.
    """
    with Redis.from_url(url) as client:
        wait_until(lambda: client.info("persistence")["aof_buffer_length"] == 0, 10, "Redis has written its file")


def lose_redis_data(folder: Path) -> None:
    """Delete the data that a Redis server in this folder has stored. The server must be stopped."""
    shutil.rmtree(folder / "appendonlydir")


class TopologyUnderTest(Topology):
    """A topology with its log, and with a Python process of the web service that prepares data for tests."""

    log: Log
    shell: WebShell


# Topologies do not inherit os.environ, because it contains variables that are meant only for the process that runs the
# tests. For example, pytest-django sets DJANGO_SETTINGS_MODULE.
ENVIRONMENT = {"PATH": os.environ["PATH"], "CASHIER_OPEN_BUTTONS": "true", "CASHIER_OPEN_SCREENS": "true"}


@contextmanager
def run_topology(folder: Path, *, prepared: Path | None = None, **environment: str) -> Iterator[TopologyUnderTest]:
    """Start a topology whose buttons and screens need no sign-in, and stop the topology when the block ends.

    prepared: a folder that `cashier_local.topology.prepare_data` has filled.
    environment: environment variables that are added to ENVIRONMENT, or replace values in it.
    """
    log = Log()
    topology = TopologyUnderTest(folder, log, environment={**ENVIRONMENT, **environment}, prepared=prepared)
    topology.log = log
    try:
        topology.start()
    except Exception as error:
        error.add_note("\n".join(log.lines))
        raise
    try:
        with WebShell(topology) as topology.shell:
            yield topology
    finally:
        topology.stop()


def add_store(topology: TopologyUnderTest, **fields: object) -> str:
    """Create a store with a new slug and return the slug. `fields` are the values of fields of the store."""
    slug = f"store-{secrets.token_hex(4)}"
    topology.shell.call("add_store", slug=slug, **fields)
    return slug


def change_store(topology: TopologyUnderTest, slug: str, **fields: object) -> None:
    """Change fields of a store and announce the change to its screens, as the admin does."""
    topology.shell.call("change_store", slug=slug, **fields)
