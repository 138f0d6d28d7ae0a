"""Starts the systems that the benchmark compares: cashier_q and its peers.

Every system except Nchan runs behind a separate Nginx. Nchan needs none, because it is a module of Nginx.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
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
from loadtests.measure.process_meter import process_tree

ACCOUNT = ("bench", "of-a-benchmark-only")
TILLS = 4
HOLD_SECONDS = 1


@dataclass(kw_only=True)
class System:
    """One running system.

    sockets: the websocket path of each store.
    presses: for each store, the HTTP requests that press at each of its tills.
    paints_first: whether the system paints a screen as soon as the screen has connected.
    resets: whether the system itself removes each number at the end of the hold.
    page_pings: whether the page sends a ping every 15 s. If it does not, the system itself sends pings or heartbeats.
    """

    name: str
    url: str
    processes: dict[str, Process]
    paints_first: bool = True
    resets: bool = False
    page_pings: bool = False
    replicas: int = 2
    growing: str = ""
    sockets: list[str] = field(default_factory=list)
    presses: list[list[bytes]] = field(default_factory=list)

    def setting(self, screens: int) -> Setting:
        """Return the Setting of a measurement of this system with `screens` screens."""
        return Setting(self.name, len(self.sockets), screens, self.replicas, self.growing)

    def screen_paths(self, numbers: Iterable[int]) -> list[str]:
        """Return the websocket path of each screen in `numbers`.

        The screens are distributed evenly over the stores.
        """
        return [self.sockets[number % len(self.sockets)] for number in numbers]

    def cpu(self, role: str) -> float:
        """Return the CPU time in seconds that the processes of a role and their child processes have used.

        role: "ws" for the replicas, or "nginx".
        """
        times = [process.cpu_times() for process in self._processes_of(role)]
        return float(sum(each.user + each.system for each in times))

    def resident(self, role: str) -> int:
        """Return the resident memory in bytes of all processes of a role.

        role: "ws" for the replicas, or "nginx".
        """
        return sum(process.memory_info().rss for process in self._processes_of(role))

    def open_files(self, role: str) -> int:
        """Return how many files and sockets all processes of a role have open.

        role: "ws" for the replicas, or "nginx".
        """
        return sum(process.num_fds() for process in self._processes_of(role))

    def _processes_of(self, role: str) -> list[Any]:
        parents = [process for name, process in self.processes.items() if name.startswith(role)]
        return [process for parent in parents for process in process_tree(parent.pid)]

    def requests(self) -> Iterator[bytes]:
        """Yield press requests without end.

        The order is: the first till of each store, then the second till of each store, and so on. After the last till,
        the first till follows again.
        """
        while True:
            for till in range(TILLS):
                for presses in self.presses:
                    yield presses[till]


def clean_environment() -> dict[str, str]:
    """Return the environment of this process, without the variables that configure cashier_q or Django.

    Such variables would change the measured systems.
    """
    ours = ("CASHIER_", "DATABASE_URL", "DJANGO_", "REDIS_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


class PeerTopology(Topology):
    """A topology that runs a peer instead of cashier_q, behind the same Nginx configuration.

    server: the websocket server, "daphne" or "uvicorn". web: the module that Gunicorn serves. If `web` is "", the
    websocket server answers the HTTP requests, too.
    """

    def __init__(self, folder: Path, sink: Sink, peer: str, server: str, *, replicas: int, web: str) -> None:
        self.server, self.web, self.peer = server, web, f"loadtests.bench.peers.{peer}"
        paths = [str(ROOT), str(ROOT / "services" / "core" / "src")]
        environment = {
            **clean_environment(),
            "PYTHONPATH": os.pathsep.join(paths),
            "PEER": self.peer,
            "DJANGO_SETTINGS_MODULE": "loadtests.bench.peers.settings",
        }
        super().__init__(folder, sink, replicas=replicas, environment=environment)

    def redis_url_of(self, service: str) -> str:
        """Return the URL of Redis's default user, because the users of web and ws lack rights that a peer needs."""
        return self.redis_url

    def commands(self) -> dict[str, list[str]]:
        commands = super().commands()
        replicas = [name for name in commands if name.startswith("ws")]
        commands |= {name: self._replica(port) for name, port in zip(replicas, self.ws_ports, strict=True)}
        commands["web"] = self._gunicorn() if self.web else self._replica(self.web_port)
        # A peer does not have the services press and tasks: its web answers presses, and it has no periodic tasks.
        del commands["press"], commands["tasks"]
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
        nginx.configure(self.folder, self.port, self.web_port, self.web_port, self.ws_ports or [self.web_port])


@contextmanager
def cashier_q(folder: Path, sink: Sink, stores: int, replicas: int) -> Iterator[System]:
    """Run cashier_q as in production, where the buttons require an account. The policy of its stores is `replace`.

    With this policy, each press shows its number at once.
    """
    environment = {**clean_environment(), "CASHIER_LOG_LEVEL": "WARNING"}
    topology = Topology(folder, sink, replicas=replicas, environment=environment)
    topology.start()
    try:
        topology.manage("shell", "--no-imports", "-c", setup_code(stores))
        yield System(name="cashier_q", url=topology.url, processes=topology.processes, resets=True, replicas=replicas)
    finally:
        topology.stop()


def setup_code(stores: int) -> str:
    """Return Python code that creates the stores and the cashier's account. web's command `shell` runs this code."""
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
    """Run the peer `plain`, a Django project without optimisations.

    Its consumer runs on an unchanged websocket server, and its view of a press runs under Gunicorn.

    server: "daphne" or "uvicorn".
    """
    topology = PeerTopology(folder, sink, "plain", server, replicas=replicas, web="loadtests.bench.peers.wsgi")
    topology.start()
    try:
        yield System(
            name=f"plain, {server}",
            url=topology.url,
            processes=topology.processes,
            page_pings=True,
            replicas=replicas,
        )
    finally:
        topology.stop()


@contextmanager
def demo(folder: Path, sink: Sink, stores: int, replicas: int) -> Iterator[System]:
    """Run the demo. It removes each number after 3 s.

    replicas: not used, because the demo always has one process for everything.
    """
    topology = PeerTopology(folder, sink, "demo", "daphne", replicas=0, web="")
    topology.start()
    try:
        processes = {**topology.processes, "ws": topology.processes["web"]}
        yield System(name="demo", url=topology.url, processes=processes, paints_first=False, resets=True, replicas=1)
    finally:
        topology.stop()


@contextmanager
def bare_nchan(folder: Path, sink: Sink, stores: int, replicas: int) -> Iterator[System]:
    """Run Nchan without any other service. Screens and presses connect directly to its Nginx."""
    with nchan.running(folder, sink) as (url, process):
        system = System(name="Nchan", url=url, processes={"nginx": process}, replicas=0)
        for slug in slugs(stores):
            nchan.publish_idle(url, slug)
        system.sockets = [f"/ws/cashier_q/{slug}" for slug in slugs(stores)]
        tills = range(1, TILLS + 1)
        system.presses = [[nchan.press_request(url, slug, till) for till in tills] for slug in slugs(stores)]
        yield system


Starter = Callable[[Path, Sink, int, int], AbstractContextManager[System]]
SYSTEMS: dict[str, Starter] = {
    "cashier_q": cashier_q,
    "nchan": bare_nchan,
    "daphne": partial(plain, "daphne"),
    "uvicorn": partial(plain, "uvicorn"),
    "demo": demo,
}


def missing() -> dict[str, str]:
    """Return the systems that are not installed on this machine, each with the command that installs it."""
    return {} if nchan.installed() else {"nchan": "apt-get install nginx-light libnginx-mod-nchan"}


async def read_pages(system: System, stores: int) -> None:
    """Read the websocket paths and the press requests of a system from its pages.

    Do nothing for Nchan, which has no pages. Its paths and requests are known already.
    """
    if system.sockets:
        return
    names = slugs(stores)
    account = ACCOUNT if system.name == "cashier_q" else None
    async with Till(system.url, names[0], account=account) as first:
        for slug in names:
            till = first.in_store(slug)
            system.sockets.append(await till.websocket_path())
            system.presses.append([till.press_request(number) for number in range(1, TILLS + 1)])
