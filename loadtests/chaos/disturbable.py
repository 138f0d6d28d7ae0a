"""What the injectors need from a topology.

A target is the name of what a fault hits, as in kinds.py, for example "press" or "ws1".
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from signal import Signals
from typing import Protocol

from loadtests.chaos.kinds import Kind
from loadtests.chaos.redis_links import RedisLinks


class Disturbable(Protocol):
    """A topology that can be disturbed. A local topology and a compose topology both have these methods."""

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The kinds of faults that can hit this topology."""

    @property
    def disk(self) -> Path:
        """The folder with the data of Redis and the database, on a small file system of its own."""

    @property
    def links(self) -> RedisLinks:
        """The proxies through which the services reach Redis."""

    def pid(self, target: str) -> int | None:
        """Return the process id of the main process of a target; None if it does not run."""

    def works(self, target: str) -> bool:
        """Return whether a target answers."""

    def parts(self, target: str) -> frozenset[str] | None:
        """Return the parts that a fault of a target affects, as in InjectedFault; None if it affects all screens."""

    def part_of_worker(self, pid: int) -> str:
        """Return the process id that Nginx reports for one of its worker processes.

        pid: the id of this process on this machine. In a container, the process has another id.
        """

    def end(self, target: str, signum: Signals) -> None:
        """Send SIGKILL or SIGTERM to the main process of a target. The topology starts the target again."""

    def paused(self, target: str) -> AbstractContextManager[None]:
        """Pause a target until the end of the block."""

    def dropped(self, target: str, probability: float) -> AbstractContextManager[None]:
        """Drop packets to and from a target until the end of the block. probability: the share of packets to drop."""

    def lose_data(self) -> None:
        """Delete all data of Redis."""


class HasContainers(Disturbable, Protocol):
    """A topology of containers."""

    def replace(self, target: str) -> None:
        """Remove the container of a target, and start a new container."""


class HasOwnClock(Disturbable, Protocol):
    """A topology whose Redis has a clock of its own."""

    def move_clock(self, seconds: int) -> None:
        """Set the clock of Redis forward or, if `seconds` is negative, back."""
