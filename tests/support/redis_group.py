"""Runs three Redis servers and three Sentinels on this machine. One server is the primary, the others its replicas."""

import contextlib
import os
import signal
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from cashier_local.ports import free_port, wait_until
from cashier_local.process import Process
from cashier_local.topology import valkey_argv
from tests.support.topologies import Log

SERVERS = 3
PRIMARY = "cashier"
"""The name that the Sentinels have for the primary."""
LAG_SECONDS = 3
"""The primary accepts a change only if a replica has answered within this time."""
DOWN_MS = 1000
"""If a server has not answered a Sentinel for this long, it counts as down for this Sentinel."""


class RedisGroup:
    """A primary with two replicas, and three Sentinels. All of them keep their data in `folder`.

    url: the address for tests, with all rights. log: the log lines of all processes.
    """

    def __init__(self, folder: Path) -> None:
        self.log = Log()
        self._ports = [free_port() for _ in range(SERVERS)]
        self._servers = [self._server(folder / f"server-{port}", port) for port in self._ports]
        sentinel_ports = [free_port() for _ in range(SERVERS)]
        self._sentinels = [self._sentinel(folder / f"sentinel-{port}", port) for port in sentinel_ports]
        self._addresses = ",".join(f"127.0.0.1:{port}" for port in sentinel_ports)
        self.url = f"sentinel://{self._addresses}/{PRIMARY}"

    def url_of(self, user: str) -> str:
        """Return the address with the rights of a Redis user: web or ws."""
        return f"sentinel://{user}:{user}@{self._addresses}/{PRIMARY}"

    def _server(self, folder: Path, port: int) -> Process:
        folder.mkdir()
        replication = [] if port == self._ports[0] else ["--replicaof", f"127.0.0.1 {self._ports[0]}"]
        lag = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", str(LAG_SECONDS)]
        # By default, a primary waits for 5 s before it sends its data, so that more replicas can join.
        quick = ["--repl-ping-replica-period", "1", "--repl-diskless-sync-delay", "0"]
        argv = [*valkey_argv(port, folder), *replication, *lag, *quick]
        return Process(f"redis-{port}", argv, {"PATH": os.environ["PATH"]}, folder, self.log)

    def _sentinel(self, folder: Path, port: int) -> Process:
        folder.mkdir()
        config = folder / "sentinel.conf"
        rights = "resetchannels -@all +sentinel|masters +client|setinfo"
        lines = [
            f"port {port}",
            "bind 127.0.0.1",
            f"sentinel monitor {PRIMARY} 127.0.0.1 {self._ports[0]} 2",
            f"sentinel down-after-milliseconds {PRIMARY} {DOWN_MS}",
            f"sentinel failover-timeout {PRIMARY} 5000",
            *(f"user {user} on >{user} {rights}" for user in ("web", "ws")),
        ]
        config.write_text("\n".join(lines) + "\n")
        binary = valkey_argv(port, folder)[0]
        argv = [binary, str(config), "--sentinel"]
        return Process(f"sentinel-{port}", argv, {"PATH": os.environ["PATH"]}, folder, self.log)

    def start(self) -> None:
        for process in self._servers:
            process.start()
        # A Sentinel asks the primary for its replicas when it starts, and then only every ten seconds.
        wait_until(lambda: self._good_replicas(self._ports[0]) == SERVERS - 1, 30, "the primary has two replicas")
        for process in self._sentinels:
            process.start()
        wait_until(self._is_complete, 30, "the Sentinels know each other and two replicas")

    def stop(self) -> None:
        for process in [*self._sentinels, *self._servers]:
            process.stop(signal.SIGKILL)

    def _is_complete(self) -> bool:
        """Return whether each Sentinel knows the other Sentinels, and a primary with all its replicas."""
        states = [self._state(process) for process in self._sentinels]
        counts = [(state.get("num-slaves"), state.get("num-other-sentinels")) for state in states]
        return counts == [(SERVERS - 1, SERVERS - 1)] * SERVERS

    def _good_replicas(self, port: int) -> int:
        """Return how many replicas have answered the server with this port recently."""
        with Redis(port=port) as client, contextlib.suppress(RedisError):
            return int(client.info("replication").get("min_slaves_good_slaves", 0))
        return 0

    def _state(self, sentinel: Process) -> dict:
        """Return what a Sentinel knows about the primary; an empty dictionary if the Sentinel does not answer."""
        with Redis(port=int(sentinel.name.partition("-")[2])) as client, contextlib.suppress(RedisError):
            return client.sentinel_masters().get(PRIMARY, {})
        return {}

    def primary_port(self) -> int:
        """Return the port of the primary, as the first Sentinel knows it."""
        return int(self._state(self._sentinels[0]).get("port", 0))

    def primary(self) -> Process:
        return self._servers[self._ports.index(self.primary_port())]

    def replicas(self) -> list[Process]:
        primary = self.primary()
        return [process for process in self._servers if process is not primary]

    def wait_for_another_primary(self, port: int) -> None:
        """Wait until the Sentinels have chosen a primary other than the server with this port."""
        wait_until(lambda: self.primary_port() not in {0, port}, 30, "another server is the primary")
