"""Injects one fault into a topology, and undoes it."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from loadtests.chaos.busy_cores import busy_cores
from loadtests.chaos.disk import full_disk
from loadtests.chaos.disturbable import Disturbable, HasContainers, HasOwnClock
from loadtests.chaos.packets import PROBABILITY
from loadtests.chaos.processes import paused, workers
from loadtests.chaos.redis_links import RedisLink


def always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault that has begun.

    parts: the parts with the fault, as in InjectedFault. recovered: a function that returns whether the target works
    again.
    """

    parts: frozenset[str] | None = None
    recovered: Callable[[], bool] = always


@contextmanager
def end(topology: Disturbable, target: str, signum: signal.Signals) -> Iterator[Injected]:
    """End the main process of a target. The topology starts the target again."""
    parts, ended = topology.parts(target), topology.pid(target)
    topology.end(target, signum)
    yield Injected(parts, lambda: topology.pid(target) not in {None, ended} and topology.works(target))


@contextmanager
def replace(topology: HasContainers, target: str) -> Iterator[Injected]:
    parts = topology.parts(target)
    topology.replace(target)
    yield Injected(parts, partial(topology.works, target))


@contextmanager
def pause(topology: Disturbable, target: str) -> Iterator[Injected]:
    parts = topology.parts(target)
    with topology.paused(target):
        yield Injected(parts, partial(topology.works, target))


@contextmanager
def kill_worker(topology: Disturbable, target: str) -> Iterator[Injected]:
    """Kill the oldest worker process. The main process starts another one."""
    before = workers(topology.pid(target))
    killed = before[:1]
    parts = frozenset(map(topology.part_of_worker, killed))
    for pid in killed:
        os.kill(pid, signal.SIGKILL)

    def recovered() -> bool:
        now = workers(topology.pid(target))
        return not set(killed) & set(now) and len(now) >= len(before) and topology.works(target)

    yield Injected(parts, recovered)


@contextmanager
def pause_worker(topology: Disturbable, target: str) -> Iterator[Injected]:
    """Pause the oldest worker process."""
    with ExitStack() as stack:
        pids = workers(topology.pid(target))[:1]
        parts = frozenset(map(topology.part_of_worker, pids))
        for pid in pids:
            stack.enter_context(paused(pid))
        yield Injected(parts, partial(topology.works, target))


@contextmanager
def drop_packets(topology: Disturbable, target: str, probability: float) -> Iterator[Injected]:
    parts = topology.parts(target)
    with topology.dropped(target, probability):
        yield Injected(parts, partial(topology.works, target))


@contextmanager
def disturb_link(topology: Disturbable, target: str, how: Callable[[RedisLink, bool], None]) -> Iterator[Injected]:
    with topology.links.disturbed(target, how):
        yield Injected(topology.parts(target))


@contextmanager
def starve(topology: Disturbable, target: str) -> Iterator[Injected]:
    with busy_cores():
        yield Injected()


@contextmanager
def lose_data(topology: Disturbable, target: str) -> Iterator[Injected]:
    topology.lose_data()
    yield Injected(recovered=partial(topology.works, target))


@contextmanager
def fill_disk(topology: Disturbable, target: str) -> Iterator[Injected]:
    with full_disk(topology.disk):
        yield Injected(recovered=partial(topology.works, "press"))


@contextmanager
def move_clock(topology: HasOwnClock, target: str) -> Iterator[Injected]:
    topology.move_clock(int(target))
    yield Injected()


INJECTORS: dict[str, Callable[[Any, str], AbstractContextManager[Injected]]] = {
    "kill": partial(end, signum=signal.SIGKILL),
    "stop": partial(end, signum=signal.SIGTERM),
    "replace": replace,
    "pause": pause,
    "kill worker": kill_worker,
    "pause worker": pause_worker,
    "lose packets": partial(drop_packets, probability=PROBABILITY),
    "partition": partial(drop_packets, probability=1.0),
    "stall link to Redis": partial(disturb_link, how=RedisLink.stall),
    "cut link to Redis": partial(disturb_link, how=RedisLink.cut),
    "delay link to Redis": partial(disturb_link, how=RedisLink.delay),
    "starve": starve,
    "lose data": lose_data,
    "fill disk": fill_disk,
    "move clock": move_clock,
}
"""The injector of each kind of fault: a context manager that begins the fault, and undoes it at the end."""
