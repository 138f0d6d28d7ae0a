"""Tells each worker process of Locust which share of the screens it has."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from loadtests.profiles import Profile, profile_from

if TYPE_CHECKING:
    # Importing Locust replaces parts of the standard library (gevent), which tests must not do.
    from locust.runners import MasterRunner

SHARE = "your share"


@dataclass(frozen=True, slots=True)
class Share:
    """The share of a run that one process of the load generator has. It is a share of the screens.

    begin: when the first press is due, in seconds on the clock of the master.
    index, processes: the number of this process, counted from 0, and how many processes there are.
    """

    profile: Profile
    begin: float
    index: int = 0
    processes: int = 1


def distribute(runner: "MasterRunner", run: Share) -> int:
    """Send each worker its share of the run, and return how many workers there are.

    The workers receive this message before they start their users, because a worker receives the messages of the master
    in their order.
    """
    workers = [client.id for client in runner.clients.ready]
    for index, worker in enumerate(workers):
        data = {"profile": asdict(run.profile), "begin": run.begin, "index": index, "processes": len(workers)}
        runner.send_message(SHARE, data, worker)
    return len(workers)


def received_share(data: Any) -> Share:
    """Return the share that a message of the master contains."""
    return Share(profile_from(data.pop("profile")), **data)
