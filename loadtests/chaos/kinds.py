"""The kinds of faults: what each kind may hit in each topology, how long it lasts, and what it may cost.

loadtests/README.md contains the costs as a table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from loadtests.measure.injected_fault import REPAIR_SECONDS, Cost

SERVICES = ("web", "press", "tasks", "ws1", "ws2")
PROCESSES = ("redis", *SERVICES, "nginx")
CONTAINERS = (*PROCESSES, "db")
FORKING = ("web", "press", "nginx")
"""The targets that consist of a main process and worker processes."""
REDIS_IS_AWAY = Cost(refuses_presses=True, hides_calls=True, delays=True)
"""The cost of a fault during which Redis does not answer.

After a restart, Redis has all calls again, because it writes each change to its append-only file before it answers."""
NOTHING = Cost()
COMING_BACK_SLACK = 0.1
"""While 1,000 screens of a replica connect to the other replica, a call may begin later on other screens. Its hold is
then shorter by this many seconds more than usual. This was measured on two cores, for one of 7,592 holds."""
REFUSED = Cost(refuses_presses=True)


def cost_of_end(target: str) -> Cost:
    """Return the cost of a fault in which a target is killed. The topology then starts the target again."""
    if target == "redis":
        return REDIS_IS_AWAY
    if target == "nginx":
        return Cost(refuses_presses=True, disconnects=True)
    if target.startswith("ws"):
        return Cost(disconnects=True, slack=COMING_BACK_SLACK)
    return REFUSED if target in {"press", "db"} else NOTHING


def cost_of_stop(target: str) -> Cost:
    """Return the cost of a fault in which a target is told to end with a signal.

    A replica has no cost: before it ends, it closes its connections with a code that tells the screens to reconnect.
    """
    return Cost(slack=COMING_BACK_SLACK) if target.startswith("ws") else cost_of_end(target)


def cost_of_pause(target: str) -> Cost:
    """Return the cost of a fault in which the main process of a target is paused for some seconds."""
    if target == "redis":
        return REDIS_IS_AWAY
    if target.startswith("ws"):
        return Cost(silence=REPAIR_SECONDS, misses_events=True, hides_calls=True, delays=True)
    # A paused main process of Nginx or Gunicorn costs nothing, because only its worker processes handle requests.
    return NOTHING


def cost_of_container_pause(target: str) -> Cost:
    """Return the cost of a fault in which all processes of a container are paused for some seconds."""
    if target == "nginx":
        return Cost(refuses_presses=True, silence=1.0)
    return REFUSED if target in {"press", "db"} else cost_of_pause(target)


def cost_of_worker_end(target: str) -> Cost:
    """Return the cost of a fault in which one worker process of a target is killed."""
    return Cost(refuses_presses=True, disconnects=True) if target == "nginx" else cost_of_end(target)


def cost_of_worker_pause(target: str) -> Cost:
    """Return the cost of a fault in which one worker process of a target is paused for some seconds."""
    if target == "nginx":
        return Cost(refuses_presses=True, silence=1.0)
    return REFUSED if target == "press" else NOTHING


def cost_of_packets(target: str) -> Cost:
    """Return the cost of a fault in which packets are lost.

    For a target such as "press", the packets to and from the port of the service are lost. For "press db", the packets
    between the service press and the database are lost.
    """
    if target in {"nginx", "ws1", "ws2"}:
        return Cost(refuses_presses=target == "nginx", silence=2.0, lasts_twice=True)
    return REFUSED if target in {"press", "press db"} else NOTHING


def cost_of_link(target: str) -> Cost:
    """Return the cost of a fault in which a service cannot reach Redis."""
    if target.startswith("ws"):
        return Cost(misses_events=True, hides_calls=True, delays=True)
    return REFUSED if target == "press" else NOTHING


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    targets: what the fault may hit. seconds: the shortest and the longest time that the fault lasts; (0, 0) if it only
    lasts until the target answers again. cost: a function that gets a target and returns the cost of the fault.
    needs_root: whether only root can inject the fault.
    """

    targets: tuple[str, ...]
    seconds: tuple[float, float]
    cost: Callable[[str], Cost]
    needs_root: bool = False


LOCAL_KINDS = {
    "kill": Kind(PROCESSES, (0, 0), cost_of_end),
    "stop": Kind(PROCESSES, (0, 0), cost_of_stop),
    "pause": Kind(PROCESSES, (1, 10), cost_of_pause),
    "kill worker": Kind(FORKING, (0, 0), cost_of_worker_end),
    "pause worker": Kind(FORKING, (1, 10), cost_of_worker_pause),
    "lose packets": Kind(("nginx", "web", "press", "ws1", "ws2"), (3, 8), cost_of_packets, needs_root=True),
    "partition": Kind(("nginx", "web", "press", "ws1", "ws2"), (1, 6), cost_of_packets, needs_root=True),
    "stall link to Redis": Kind(SERVICES, (1, 8), cost_of_link),
    "cut link to Redis": Kind(SERVICES, (1, 8), cost_of_link),
    # The delay of 0.1 s costs nothing, because a call that begins or ends 0.1 s late is not a fault for the ledger.
    "delay link to Redis": Kind(SERVICES, (3, 8), lambda target: NOTHING),
    "starve": Kind(("cpu",), (3, 6), lambda target: Cost(slack=0.5, delays=True)),
    "lose data": Kind(("redis",), (0, 0), lambda target: Cost(lost_seconds=inf, delays=True)),
    "fill disk": Kind(("disk",), (3, 6), lambda target: REFUSED, needs_root=True),
    "move clock": Kind(("+3600", "-3600"), (0, 0), lambda target: Cost(silence=1.0)),
}
"""The faults of a local topology. They hit processes of this machine."""
DISTURBED_PORTS = ("nginx", "web", "press", "ws1", "ws2", "web db", "press db", "tasks db")
LINKS = ("web", "press", "tasks", "ws")
COMPOSE_KINDS = {
    "kill": Kind(CONTAINERS, (0, 0), cost_of_end),
    "stop": Kind(CONTAINERS, (0, 0), cost_of_stop),
    "pause": Kind(CONTAINERS, (1, 10), cost_of_container_pause),
    # "replace" has the same cost as "stop", because `docker stop` sends a signal that tells the process to end.
    "replace": Kind(CONTAINERS, (0, 0), cost_of_stop),
    "kill worker": LOCAL_KINDS["kill worker"],
    "pause worker": LOCAL_KINDS["pause worker"],
    "lose packets": Kind(DISTURBED_PORTS, (3, 8), cost_of_packets),
    "partition": Kind(DISTURBED_PORTS, (1, 6), cost_of_packets),
    "stall link to Redis": Kind(LINKS, (1, 8), cost_of_link),
    "cut link to Redis": Kind(LINKS, (1, 8), cost_of_link),
    "delay link to Redis": Kind(LINKS, (3, 8), lambda target: NOTHING),
    "starve": LOCAL_KINDS["starve"],
    "lose data": Kind(
        ("redis",),
        (0, 0),
        lambda target: Cost(refuses_presses=True, hides_calls=True, lost_seconds=inf, delays=True),
    ),
    "fill disk": LOCAL_KINDS["fill disk"],
}
"""The faults of a compose topology. They hit containers. Both replicas share one link to Redis, "ws".

The kind "move clock" is missing. All containers use the clock of the machine. libfaketime cannot give Redis another
clock, because it does not work with jemalloc, which is the memory allocator of the Redis in the image."""
