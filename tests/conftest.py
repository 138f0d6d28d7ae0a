"""What the tests share: a real Valkey, a whole topology on free ports, and its log. Nothing stays behind."""

import logging
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cashier_local.ports import answers, free_port, wait_until
from cashier_local.process import Process
from cashier_local.topology import Topology, valkey_argv
from tests.webshell import WebShell

# A line for each of a load's requests hides what a failed test has to tell.
logging.getLogger("httpx").setLevel(logging.WARNING)


class Log:
    """Lines of all processes, as they come."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, name: str, line: str) -> None:
        self.lines.append(f"{name} | {line}")

    def has(self, text: str, since: int = 0) -> bool:
        """Whether a line has the text in it."""
        return any(text in line for line in self.lines[since:])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Valkey(Process):
    """A Redis server that a test may stop and start; its data are gone then."""

    def __init__(self, folder: Path, log: Log) -> None:
        self.port = free_port()
        super().__init__("redis", valkey_argv(self.port, folder), {}, folder, log)
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        super().start()
        wait_until(lambda: answers(self.port), 10, "Valkey answers")


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"), Log())
    server.start()
    yield server
    server.stop()


def run_topology(folder: Path, **environment: str) -> Iterator[Topology]:
    """Start a topology, with open buttons and screens, until the test is done; its log is at `topology.log`."""
    log = Log()
    # Not what pytest-django has set for this process.
    base = {"PATH": os.environ["PATH"], "CASHIER_OPEN_BUTTONS": "true", "CASHIER_OPEN_SCREENS": "true"}
    topology = Topology(folder, log, environment={**base, **environment})
    topology.log = log
    topology.start()
    try:
        with WebShell(topology) as topology.shell:
            yield topology
    finally:
        topology.stop()


@pytest.fixture(scope="session")
def shared_topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    yield from run_topology(tmp_path_factory.mktemp("topology"))


@pytest.fixture
def topology(shared_topology: Topology) -> Iterator[Topology]:
    """The topology that tests share. A test that does it harm takes `own_topology`."""
    known = len(shared_topology.log.lines)
    yield shared_topology
    assert not shared_topology.log.has("Traceback", known), "\n".join(shared_topology.log.lines[known:])


@pytest.fixture(scope="module")
def own_topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    yield from run_topology(tmp_path_factory.mktemp("own_topology"))


MakeStore = Callable[..., str]


def add_store(topology: Topology, **fields: object) -> str:
    slug = f"store-{secrets.token_hex(4)}"
    store = {"slug": slug, "name": slug, **fields}
    topology.shell.run(f"from cashier_web.models import Store; Store.objects.create(**{store!r})")
    return slug


def change_store(topology: Topology, slug: str, **fields: object) -> None:
    """Change what a store has set, as the admin does."""
    code = f"""
from django.db import transaction
from cashier_web.screens.announce import announce
from cashier_web.models import Store
store = Store.objects.get(slug={slug!r})
for name, value in {fields!r}.items():
    setattr(store, name, value)
with transaction.atomic():
    store.save()
    announce([store])
"""
    topology.shell.run(code)


@pytest.fixture
def make_store(topology: Topology) -> MakeStore:
    """Makes a store in the shared topology and returns its slug; a test that has its own disturbs no other."""
    return lambda **fields: add_store(topology, **fields)
