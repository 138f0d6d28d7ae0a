"""A call on a simulated screen."""

from dataclasses import dataclass
from math import inf


@dataclass(slots=True)
class ShownCall:
    """A call that the screen has shown on one connection. All times are in seconds of time.monotonic().

    ends: when the call ends. removed: when something else was shown; infinity until then.
    """

    call_id: str
    shown: float
    ends: float
    removed: float = inf
