"""The systems: cashier_q and its peers, each started as its kind is run, with Nginx before it."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cashier_local import nginx
from cashier_local.process import Process, Sink
from cashier_local.topology import ROOT, Topology
from loadtests.bench import nchan
from loadtests.bench.samples import Setting
from loadtests.clients.till import Till
from loadtests.measure.process_meter import family

ACCOUNT = ("bench", "of-a-benchmark-only")
TILLS = 4
HOLD_SECONDS = 1


@dataclass(kw_only=True)
class System:
    """One system that runs. sockets: path of each store's websocket. presses: a store's requests, one for each till.

    paints_first: whether a screen that has connected is painted. resets: whether a number is taken down by itself.
    """

    name: str
    url: str
    processes: dict[str, Process]
    paints_first: bool = True
    resets: bool = False
    replicas: int = 2
    growing: str = ""
    sockets: list[str] = field(default_factory=list)
    presses: list[list[bytes]] = field(default_factory=list)

    def setting(self, screens: int) -> Setting:
        """What is measured on it with so many screens."""
        return Setting(self.name, len(self.sockets), screens, self.replicas, self.growing)

    def cpu(self, role: str) -> float:
        """Seconds of CPU that the processes of this role, with their children, have used."""
        times = [process.cpu_times() for process in self._family(role)]
        return float(sum(each.user + each.system for each in times))

    def resident(self, role: str) -> int:
        """Bytes of memory that they have."""
        return sum(process.memory_info().rss for process in self._family(role))

    def open_files(self, role: str) -> int:
        """Files and sockets that they have open."""
        return sum(process.num_fds() for process in self._family(role))

    def _family(self, role: str) -> list[Any]:
        return [each for name, one in self.processes.items() if name.startswith(role) for each in family(one.pid)]

    def requests(self) -> Iterator[bytes]:
        """Presses without end: of each store in turn, and then of its next till."""
        while True:
            for till in range(TILLS):
                for presses in self.presses:
                    yield presses[till]


def inherited() -> dict[str, str]:
    """This process's environment without what would change a system."""
    ours = ("CASHIER_", "DATABASE_URL", "DJANGO_", "REDIS_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


class PeerTopology(Topology):
    """The same Nginx before a peer. web: module that Gunicorn serves; "" where the replica serves all."""

    def __init__(self, folder: Path, sink: Sink, peer: str, server: str, *, replicas: int, web: str) -> None:
        self.server, self.web, self.peer = server, web, f"loadtests.bench.peers.{peer}"
        paths = [str(ROOT), str(ROOT / "services" / "core" / "src")]
        environment = {
            **inherited(),
            "PYTHONPATH": os.pathsep.join(paths),
            "PEER": self.peer,
            "DJANGO_SETTINGS_MODULE": "loadtests.bench.peers.settings",
        }
        super().__init__(folder, sink, replicas=replicas, environment=environment)

    def commands(self) -> dict[str, list[str]]:
        commands = super().commands()
        replicas = [name for name in commands if name.startswith("ws")]
        commands |= {name: self._replica(port) for name, port in zip(replicas, self.ws_ports, strict=True)}
        commands["web"] = self._gunicorn() if self.web else self._replica(self.web_port)
        return commands

    def _gunicorn(self) -> list[str]:
        options = ["-w2", "-kgthread", "--threads=4", "--worker-connections=4", "--keep-alive=0", "--no-control-socket"]
        return [sys.executable, "-m", "gunicorn", *options, "-b", f"127.0.0.1:{self.web_port}", self.web]

    def _replica(self, port: int) -> list[str]:
        application = f"{self.peer}:application"
        options = {
            "daphne": ["-v", "0", "-b", "127.0.0.1", "-p", str(port)],
            "uvicorn": ["--log-level", "error", "--host", "127.0.0.1", "--port", str(port)],
        }
        return [sys.executable, "-m", self.server, *options[self.server], application]

    def prepare(self) -> None:
        nginx.configure(self.folder, self.port, self.web_port, self.ws_ports or [self.web_port])


@contextmanager
def project(folder: Path, sink: Sink, stores: int, replicas: int) -> Iterator[System]:
    """cashier_q as it is deployed: buttons need a login, and each press takes the screen at once."""
    environment = {**inherited(), "CASHIER_LOG_LEVEL": "WARNING"}
    topology = Topology(folder, sink, replicas=replicas, environment=environment)
    topology.start()
    try:
        topology.manage("shell", "--no-imports", "-c", seed(stores))
        yield System(name="cashier_q", url=topology.url, processes=topology.processes, resets=True, replicas=replicas)
    finally:
        topology.stop()


def seed(stores: int) -> str:
    """Python that makes the stores and the cashier."""
    return (
        "from django.contrib.auth.models import User; from cashier_web.models import Membership as M, Store; "
        f"cashier = User.objects.create_user('{ACCOUNT[0]}', password='{ACCOUNT[1]}'); "
        f"made = [Store(slug=s, name=s, hold_seconds={HOLD_SECONDS}, policy='replace') for s in {slugs(stores)}]; "
        "M.objects.bulk_create(M(person=cashier, store=s, role=3) for s in Store.objects.bulk_create(made))"
    )


def slugs(stores: int) -> list[str]:
    return [f"bench-{number}" for number in range(1, stores + 1)]


@contextmanager
def plain(server: str, folder: Path, sink: Sink, stores: int, replicas: int) -> Iterator[System]:
    """A plain consumer on a stock server, and the naive view under Gunicorn."""
    topology = PeerTopology(folder, sink, "plain", server, replicas=replicas, web="loadtests.bench.peers.wsgi")
    topology.start()
    try:
        yield System(name=f"plain, {server}", url=topology.url, processes=topology.processes, replicas=replicas)
    finally:
        topology.stop()


@contextmanager
def demo(folder: Path, sink: Sink, stores: int, replicas: int) -> Iterator[System]:
    """The demo: one process for everything, whatever the number of replicas. It takes its numbers down after 3 s."""
    topology = PeerTopology(folder, sink, "demo", "daphne", replicas=0, web="")
    topology.start()
    try:
        processes = {**topology.processes, "ws": topology.processes["web"]}
        yield System(name="demo", url=topology.url, processes=processes, paints_first=False, resets=True, replicas=1)
    finally:
        topology.stop()


@contextmanager
def bare_nchan(folder: Path, sink: Sink, stores: int, replicas: int) -> Iterator[System]:
    """Nchan alone: screens and presses come to the one Nginx that keeps and sends the messages."""
    with nchan.running(folder, sink) as (url, process):
        system = System(name="Nchan", url=url, processes={"nginx": process}, replicas=0)
        for slug in slugs(stores):
            nchan.wait_please(url, slug)
        system.sockets = [f"/ws/cashier_q/{slug}" for slug in slugs(stores)]
        system.presses = [[nchan.press(url, slug, till) for till in range(1, TILLS + 1)] for slug in slugs(stores)]
        yield system


Starter = Callable[[Path, Sink, int, int], AbstractContextManager[System]]
SYSTEMS: dict[str, Starter] = {
    "cashier_q": project,
    "nchan": bare_nchan,
    "daphne": partial(plain, "daphne"),
    "uvicorn": partial(plain, "uvicorn"),
    "demo": demo,
}


def missing() -> dict[str, str]:
    """Systems that can't run here, and what to install."""
    return {} if nchan.installed() else {"nchan": "apt-get install nginx-light libnginx-mod-nchan"}


async def learn(system: System, stores: int) -> None:
    """Read its pages: the stores' websockets, and the requests of their press_measures."""
    if system.sockets:
        return
    names = slugs(stores)
    account = ACCOUNT if system.name == "cashier_q" else None
    async with Till(system.url, names[0], account=account) as till:
        for slug in names:
            one = till.at(slug)
            system.sockets.append(await one.websocket())
            system.presses.append([one.request(number) for number in range(1, TILLS + 1)])
