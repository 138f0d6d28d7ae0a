"""Checks that the state of each of 10,000 paired screens is found in time, and that no other screen is misreported.

`make screen-states` starts a local topology with 500 stores and connects the screens, which report as pages do. Then
100 screens each are hidden, paint nothing, have no sound, hang, or are cut off from the network without a FIN. The
program reads the states from the database once a second. It does this twice; the second time, it restarts one service
after the other meanwhile. The exit code is 1 if a state came too late, or if another screen had a wrong state.

Only root may run this program, because it drops packets and sets `net.ipv4.tcp_retries2`, as compose does for Nginx.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from cashier_core import env
from cashier_core.idle import Idle
from cashier_core.tickets import Ticket
from cashier_local.topology import DATABASE, Topology
from loadtests.chaos.packets import Arriving, dropped
from loadtests.clients.asyncio_screen import AsyncioScreen, open_screen
from loadtests.clients.websocket_frames import TEXT
from loadtests.options import positive
from tests.support.topologies import ENVIRONMENT, Log

SCREENS_PER_STORE = 20
ADDRESSES = 50
"""The number of local addresses from which the screens connect."""
CHANGED_SHARE = 0.01
"""The share of the screens that are changed in each way."""
STATE_SECONDS, FIRST_SPREAD_SECONDS, RECONNECT_SECONDS = 60.0, 10.0, 4.0
READY_SECONDS, WATCH_SECONDS, BACK_SECONDS = 120.0, 170.0, 120.0
RESTART_SECONDS = 20.0
"""The time between the restarts of two services."""
RETRIES = Path("/proc/sys/net/ipv4/tcp_retries2")

CREATE = """
from django.utils import timezone
from cashier_web.models import Screen, Store
from cashier_web.screens.appearance import page_version
Store.objects.bulk_create([Store(slug=f"s{n}", name=f"Store {n}") for n in range(STORES)])
stores = {each.slug: each for each in Store.objects.all()}
screens = [
    Screen(store=stores[f"s{n % STORES}"], name=f"Screen {n}", secret_hash=str(n), seen_at=timezone.now())
    for n in range(SCREENS)
]
Screen.objects.bulk_create(screens, batch_size=500)
print(page_version())
print(*Screen.objects.order_by("pk").values_list("pk", flat=True))
"""


@dataclass(frozen=True)
class Kind:
    """A way in which screens show no calls. state: what the database must contain. seconds: within this time."""

    name: str
    state: str
    seconds: float


KINDS = [
    Kind("hidden", "hidden", 30),
    Kind("not painting", "not_painting", 30),
    Kind("no sound", "no_sound", 30),
    Kind("cut off", "offline", 75),
    FROZEN := Kind("frozen renderer", "not_painting", 150),
]


class Wall:
    """A screen on a wall: it connects again and again, and reports its state as the page does."""

    def __init__(self, key: int, url: str, path: str, version: str) -> None:
        self.key, self._url, self._path, self._version = key, url, path, version
        self.address = f"127.0.1.{key % ADDRESSES + 1}"
        """The local address from which the screen connects."""
        self._kind = ""
        self._connection: AsyncioScreen | None = None
        self._must_report = asyncio.Event()
        self._can_connect = asyncio.Event()
        self._can_connect.set()

    def change(self, kind: str) -> None:
        """Let the screen be of this kind from now on; "" for a screen that shows calls."""
        if self._kind == "cut off" and self._connection:
            self._connection.close()
        self._kind = kind
        if kind in {"cut off", "frozen renderer"}:
            self._can_connect.clear()
        else:
            self._can_connect.set()
            self._must_report.set()

    @property
    def port(self) -> int:
        """The local port of the connection; 0 if the screen is not connected."""
        transport = self._connection and self._connection._transport
        return transport.get_extra_info("sockname")[1] if transport else 0

    async def live(self, connecting: asyncio.Semaphore) -> None:
        while True:
            with contextlib.suppress(ConnectionError, TimeoutError, OSError, AssertionError):
                async with connecting:
                    self._connection = await open_screen(
                        self._url, self._path, source=f"127.0.1.{self.key % ADDRESSES + 1}"
                    )
                await self._report_until_closed(self._connection)
            self._connection = None
            await self._can_connect.wait()
            await asyncio.sleep(random.random() * RECONNECT_SECONDS)

    async def _report_until_closed(self, connection: AsyncioScreen) -> None:
        closed = asyncio.ensure_future(connection.until_closed())
        wait = random.random() * FIRST_SPREAD_SECONDS
        try:
            while not closed.done():
                changed = asyncio.ensure_future(self._must_report.wait())
                await asyncio.wait({closed, changed}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                # `closed` ends a little later than the connection. uvloop then raises RuntimeError if it must write.
                if connection.closed is None and self._kind not in {"cut off", "frozen renderer"}:
                    self._must_report.clear()
                    connection.send(TEXT, self._report())
                del connection.answers[:], connection.painted[:]
                wait = STATE_SECONDS
        finally:
            closed.cancel()

    def _report(self) -> bytes:
        sound = "blocked" if self._kind == "no sound" else "on"
        page = [self._kind != "hidden", self._kind != "not painting", sound, self._version, 1920, 1080, "Chrome 142"]
        return json.dumps({"calls": [], "page": page}).encode()


def states(database: Path) -> dict[int, str]:
    """Return the state of each screen, by the primary key of the screen."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        return dict(connection.execute("SELECT screen_id, state FROM cashier_web_screenstate"))


@contextmanager
def fewer_retries() -> Iterator[None]:
    """Let the kernel close connections that were cut off as soon as in the container of Nginx."""
    before = RETRIES.read_text()
    RETRIES.write_text("6")
    try:
        yield
    finally:
        RETRIES.write_text(before)


async def until_all_show(walls: Sequence[Wall], database: Path, seconds: float) -> None:
    """Wait until all screens show calls. Raises TimeoutError."""
    for _ in range(round(seconds)):
        found = Counter(states(database).values())
        if found["showing"] == len(walls):
            return
        await asyncio.sleep(1)
    connected = sum(bool(each.port) for each in walls)
    raise TimeoutError(f"not all screens show calls within {seconds:.0f} s: {found}, {connected} are connected")


async def restart_each(topology: Topology) -> None:
    """Restart one service after the other."""
    for name in ("tasks", "ws1", "redis", "nginx", "ws2", "web", "press"):
        await asyncio.to_thread(topology.processes[name].stop)
        await asyncio.to_thread(topology.processes[name].start)
        print(f"  restarted: {name}", flush=True)
        await asyncio.sleep(RESTART_SECONDS)


async def watch(walls: Sequence[Wall], topology: Topology, *, must_restart: bool) -> bool:
    """Change some screens, and print after how many seconds their states were found. Returns whether all were in time.

    must_restart: whether each service is restarted meanwhile.
    """
    database = topology.folder / DATABASE
    changed = round(len(walls) * CHANGED_SHARE)
    chosen = random.sample(list(walls), changed * len(KINDS))
    groups = {kind: chosen[number * changed :][:changed] for number, kind in enumerate(KINDS)}
    expected = {wall.key: {kind.state} for kind, group in groups.items() for wall in group}
    for wall in groups[FROZEN] if must_restart else ():
        # If its replica ends, a page that hangs does not connect again.
        expected[wall.key].add("offline")
    cut_off = [wall for kind, group in groups.items() if kind.name == "cut off" for wall in group]
    # Screens that connect from other addresses may have the same port.
    match = ("-i", "lo", "-p", "tcp")
    rules = [
        rule
        for wall in cut_off
        for rule in (
            Arriving((*match, "-s", wall.address, "--sport", str(wall.port), "--dport", str(topology.port))),
            Arriving((*match, "-d", wall.address, "--dport", str(wall.port), "--sport", str(topology.port))),
        )
    ]
    found: dict[int, float] = {}
    wrong: dict[int, str] = {}
    with dropped(rules):
        begin = time.monotonic()
        restarts = asyncio.create_task(restart_each(topology)) if must_restart else None
        for kind, group in groups.items():
            for wall in group:
                wall.change(kind.name)
        while (passed := time.monotonic() - begin) < WATCH_SECONDS:
            for key, state in states(database).items():
                if state in expected.get(key, ()):
                    found.setdefault(key, passed)
                elif state != "showing":
                    wrong[key] = state
            await asyncio.sleep(1)
        if restarts:
            await restarts
    is_right = not wrong
    for kind, group in groups.items():
        times = sorted(found.get(wall.key, float("inf")) for wall in group)
        is_right &= times[-1] <= kind.seconds
        print(f"  {kind.name:16} found after {times[0]:.0f} to {times[-1]:.0f} s, at most {kind.seconds:.0f} s allowed")
    print(f"  wrong states: {len(wrong)} {sorted(set(wrong.values()))}", flush=True)
    for wall in chosen:
        wall.change("")
    return is_right


async def check(topology: Topology, stores: int, created: str) -> bool:
    """Check all states twice. created: the output of CREATE. Returns whether all were right and in time."""
    version, keys = created.split("\n")[:2]
    ticket_key = (topology.folder / "ticket_key").read_text()
    walls = []
    for number, key in enumerate(map(int, keys.split())):
        store = f"s{number % stores}"
        ticket = Ticket(store, Idle("en"), f"{key}.1").sign(ticket_key)
        walls.append(Wall(key, topology.url, f"/ws/cashier_q/{store}?ticket={ticket}", version))
    connecting = asyncio.Semaphore(100)
    database = topology.folder / DATABASE
    is_right = True
    # If the task of a screen fails, the group cancels this function, and raises the error.
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(wall.live(connecting)) for wall in walls]
        for title, must_restart in (("all services run", False), ("each service is restarted", True)):
            begin = time.monotonic()
            await until_all_show(walls, database, READY_SECONDS)
            print(f"{len(walls)} screens show calls after {time.monotonic() - begin:.0f} s; {title}:", flush=True)
            is_right &= await watch(walls, topology, must_restart=must_restart)
        await until_all_show(walls, database, BACK_SECONDS)
        for task in tasks:
            task.cancel()
    return is_right


def main() -> None:
    parser = argparse.ArgumentParser(prog="make screen-states", description="Check that states of screens are found.")
    parser.add_argument("--screens", type=positive, default=10_000, help="number of screens")
    screens = parser.parse_args().screens
    stores = max(screens // SCREENS_PER_STORE, 2)
    env.use_settings("tests.settings")
    with tempfile.TemporaryDirectory(prefix="cashier_q-") as folder, fewer_retries():
        topology = Topology(Path(folder), Log(), replicas=2, nginx_workers=4, environment=ENVIRONMENT)
        topology.start()
        try:
            created = topology.manage("shell", "--no-imports", "-c", f"STORES, SCREENS = {stores}, {screens}{CREATE}")
            is_right = uvloop.run(check(topology, stores, created))
        finally:
            topology.stop()
    sys.exit(not is_right)


if __name__ == "__main__":
    main()
