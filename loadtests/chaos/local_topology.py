"""A local topology that can be disturbed.

Each service reaches Redis through a proxy of its own. The clock of Redis can be moved. Nginx tells each screen through
which worker process and which replica the screen is connected, so that the ledger knows which screens a fault affects.
"""

import contextlib
import os
import socket
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from signal import Signals

from cashier_local.ports import answers, free_port, responds, wait_until
from cashier_local.process import Sink
from cashier_local.topology import Topology
from loadtests.chaos.clock import LIBFAKETIME, Clock
from loadtests.chaos.kinds import LOCAL_KINDS, SERVICES
from loadtests.chaos.packets import at_port, dropped
from loadtests.chaos.processes import paused
from loadtests.chaos.redis_links import RedisLinks

FLUSH_SECONDS = 30.0
NAMES_THE_PARTS = 'add_header X-Parts "$pid $upstream_addr" always;\n'
"""A line for the file listen.conf, with which Nginx names in each answer its worker process and the replica."""


class LocalChaosTopology(Topology):
    """A local topology that can be disturbed, as Disturbable says."""

    kinds = LOCAL_KINDS

    def __init__(
        self,
        folder: Path,
        sink: Sink,
        *,
        environment: Mapping[str, str] = os.environ,
        prepared: Path | None = None,
    ) -> None:
        super().__init__(folder, sink, environment={**environment, "REDIS_URL": ""}, prepared=prepared)
        assert self._own_redis_port, "the topology has a Redis of its own"
        self.redis_port = self._own_redis_port
        link_ports = {name: free_port() for name in SERVICES}
        self.links = RedisLinks(("127.0.0.1", self.redis_port), "127.0.0.1", link_ports)
        for name, port in link_ports.items():
            url = self.processes[name].env["REDIS_URL"]
            self.processes[name].env["REDIS_URL"] = url.replace(f":{self.redis_port}/", f":{port}/")
        self._clock = Clock(self.folder / "clock")
        if LIBFAKETIME.exists():
            self.processes["redis"].env |= {"LD_PRELOAD": str(LIBFAKETIME), **self._clock.environment()}

    def start(self) -> None:
        self.links.start()
        super().start()

    def stop(self) -> None:
        super().stop()
        self.links.stop()

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.move_clock(0)
        super().prepare()

    def move_clock(self, seconds: int) -> None:
        self._clock.move(seconds)

    @property
    def disk(self) -> Path:
        return self.folder

    def pid(self, target: str) -> int | None:
        return self.processes[target].pid

    def works(self, target: str) -> bool:
        port = self.port_of(target)
        return answers(port) if target in {"redis", "nginx"} else responds(f"http://127.0.0.1:{port}/healthz")

    def parts(self, target: str) -> frozenset[str] | None:
        return frozenset({f"127.0.0.1:{self.port_of(target)}"}) if target.startswith("ws") else None

    def part_of_worker(self, pid: int) -> str:
        return str(pid)

    def end(self, target: str, signum: Signals) -> None:
        self.processes[target].kill(signum)

    def paused(self, target: str) -> AbstractContextManager[None]:
        return paused(self.processes[target].pid)

    def dropped(self, target: str, probability: float) -> AbstractContextManager[None]:
        return dropped(at_port(self.port_of(target)), probability)

    def lose_data(self) -> None:
        # Another fault may have killed Redis at this moment.
        wait_until(self._flush, FLUSH_SECONDS, "Redis deletes its data")

    def _flush(self) -> bool:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.redis_port), timeout=10) as connection,
        ):
            connection.sendall(b"FLUSHALL\r\n")
            return connection.recv(64) == b"+OK\r\n"
        return False

    def port_of(self, name: str) -> int:
        """Return the port on which a process listens."""
        ports = {"redis": self.redis_port, "web": self.web_port, "press": self.press_port, "tasks": self.tasks_port}
        ports |= {"nginx": self.port} | {f"ws{number}": port for number, port in enumerate(self.ws_ports, start=1)}
        return ports[name]

    def _configure_nginx(self) -> None:
        super()._configure_nginx()
        with (self.folder / "nginx" / "conf.d" / "listen.conf").open("a") as listen:
            listen.write(NAMES_THE_PARTS)
