"""One of the two revisions that are compared: a running topology with its screens."""

import json
import subprocess
import time
from bisect import bisect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from loadtests.bench.client import BenchClient
from loadtests.bench.press_connections import PressConnection, open_press_connections
from loadtests.bench.systems import TILLS, System, clean_environment, read_pages, setup_code
from loadtests.clients.websocket_frames import NUMBER
from loadtests.measure.cpu_time import cpu_seconds

STORES, SCREENS = 100, 1000
CONNECTIONS = 100
SERVE = Path(__file__).with_name("serve.py")
ROLES = ("press", "ws", "nginx", "redis")


class Contender:
    """One running topology, its screens, and the connections for presses."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.client = BenchClient(system.url, paints_first=True)
        self._connections: list[PressConnection] = []
        self._presses_made = 0
        self._answered: list[float] = []
        self._dues: dict[int, list[tuple[float, int]]] = {}

    def cpu(self) -> dict[str, float]:
        """Return the CPU time in seconds that the processes of each role have used."""
        return {
            role: sum(
                cpu_seconds(process.pid) for name, process in self.system.processes.items() if name.startswith(role)
            )
            for role in ROLES
        }

    def memory(self) -> float:
        """Return the resident memory of the replicas in KiB."""
        return self.system.resident("ws") / 1024

    async def read_pages(self) -> None:
        """Read the pages of all stores."""
        await read_pages(self.system, STORES)

    async def open_press_connections(self) -> None:
        """Open the connections for presses. Nginx closes a connection without a request after ten seconds."""
        self._connections += await open_press_connections(self.system.url, CONNECTIONS)

    def begin_presses(self) -> None:
        """Forget all earlier presses, and store what the screens receive from now on."""
        self._answered, self._dues = [], {store: [] for store in range(STORES)}
        self.client.arrivals.expect(b"data-num-cashier", screens=SCREENS)

    async def press(self, due: float) -> None:
        """Press in the next store. due: when the press was due.

        All stores are pressed in turn, first at their first till, then at their second till and so on. Raises
        ConnectionError if the press is refused.
        """
        number, self._presses_made = self._presses_made, self._presses_made + 1
        rounds, store = divmod(number, STORES)
        self._dues[store].append((due, rounds % TILLS + 1))
        await self._connections[number % CONNECTIONS].press(self.system.presses[store][rounds % TILLS])
        self._answered.append(time.monotonic() - due)

    def end_presses(self) -> tuple[list[float], list[float]]:
        """Return how many seconds after their presses were due the answers and the numbers arrived, both sorted.

        There is one number for each press and each screen of its store.
        """
        shown = sorted(shown_after(self.client.arrivals.messages, self._dues))
        self.client.arrivals.expect(screens=0)
        self.client.arrivals.expected.clear()
        return sorted(self._answered), shown

    def close(self) -> None:
        self.client.close()
        for connection in self._connections:
            connection.close()


def shown_after(messages: list[tuple[float, int, bytes]], dues: dict[int, list[tuple[float, int]]]) -> Iterator[float]:
    """Yield, for each number on each screen, how many seconds after its press was due the number arrived.

    messages: (time of arrival, number of the screen, message). dues: for each store, (when a press was due, its till).
    """
    for at, screen, text in messages:
        if number := NUMBER.search(text):
            pressed = dues[screen % STORES]
            # A number that arrives before the first press belongs to an earlier press.
            last = bisect(pressed, (at, TILLS + 1)) - 1
            if last >= 0 and pressed[last][1] == int(number[1]):
                yield at - pressed[last][0]


def interpreter(checkout: Path) -> str:
    """Return the path of the Python interpreter that can run the local topology of a revision."""
    found = [checkout / ".venv" / name / "bin" / "python" for name in ("local", "dev")]
    return str(next(filter(Path.exists, found), found[0]))


@contextmanager
def running(checkout: Path, folder: Path, prepared: Path, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the topology of a revision, and stop it at the end of the block. `ready` waits until it answers.

    checkout: the folder of the revision. folder, prepared: as in serve.py. log: the file for the messages of the
    topology.
    """
    environment = {**clean_environment(), "PYTHONPATH": str(checkout / "deploy" / "local")}
    argv = [interpreter(checkout), "-P", str(SERVE), str(folder), str(prepared), setup_code(STORES)]
    with log.open("a") as output:
        process = subprocess.Popen(
            argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, text=True
        )
        try:
            yield process
        finally:
            process.communicate()


def ready(process: subprocess.Popen[str]) -> Contender:
    """Wait until a topology answers. Raises RuntimeError if the topology has not started."""
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the topology has not started; the reason is in the log")
    started: dict[str, Any] = json.loads(line)
    processes: dict[str, Any] = {name: psutil.Process(pid) for name, pid in started["pids"].items()}
    return Contender(System(name="cashier_q", url=started["url"], processes=processes, resets=True))
