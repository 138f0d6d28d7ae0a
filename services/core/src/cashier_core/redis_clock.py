"""Notices if the clock of Redis is set forward or back, so that no call is shown too long, too short or an hour later.

A process compares the clock of Redis with its own monotonic clock, which nobody can set. All times of calls are times
on the timeline's clock, which is the clock of Redis plus an offset. Whoever notices that the clock of Redis was set
changes the offset by the same amount, so that the timeline's clock continues.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from redis.exceptions import RedisError

SET = b"clock"
"""The reply of a script that has done nothing, because the time was not plausible."""
STALE_SECONDS = 1.0
"""A process that schedules calls reads the clock of Redis again if its last reading is older than this."""
TOLERANCE_MS = 250
"""A difference of up to this many milliseconds is not corrected, because two clocks never agree exactly."""
DRIFT = 0.001
"""How much faster or slower one clock may run than the other. NTP changes the rate of a clock by up to 0.0005."""
REPLY_MS = 1500
"""A script that Redis executes later than this after it was sent does nothing.

If Redis is stopped for a while, a script may stay in a buffer until Redis continues and executes the script. web waits
for the reply only for `socket_timeout`, and then answers that the till was possibly not called. After this answer, the
press must call nobody. Therefore REPLY_MS is shorter than `socket_timeout`.

This process knows the clock of Redis only from its last reading. If this reading took long, a script may be executed
later by the duration of the reading.
"""


class ClockUnknown(RedisError):
    """Raised if the clock of Redis is set again and again, so that the time of a call cannot be determined."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The time that Redis has returned, and the times at which this process sent the request and received the answer.

    at_ms: the returned time, in milliseconds on the timeline's clock. sent, received: seconds on the monotonic clock of
    this process.
    """

    at_ms: float
    sent: float
    received: float


class ClockWatch:
    """Remembers the newest reading of the timeline's clock, and computes by how much the clock was set since then."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """monotonic: the clock of this process, in seconds. Tests pass a clock that they can set."""
        self.monotonic = monotonic
        self._last: Reading | None = None

    def is_stale(self) -> bool:
        """Return whether the last reading is too old for `limits`."""
        return self._last is None or self.monotonic() - self._last.received > STALE_SECONDS

    def limits(self) -> dict[str, int]:
        """Return the earliest and the latest time that is plausible for a script that is sent now.

        If the clock was never read, the dictionary is empty.
        """
        if self._last is None:
            return {}
        now, last = self.monotonic(), self._last
        return {
            "earliest": int(last.at_ms + (now - last.received) * 1000 - TOLERANCE_MS),
            "latest": int(last.at_ms + (now - last.sent) * 1000 + REPLY_MS),
        }

    def jump_ms(self, reading: Reading) -> int:
        """Return by how many milliseconds the clock was set forward since the last reading; negative for back.

        Returns 0 if the reading is plausible. If this process or Redis was stopped for a while between `sent` and
        `received`, more times are plausible, so a delay is never mistaken for a clock that was set. The caller must
        correct the timeline's clock by the returned number. The corrected reading is remembered.
        """
        jump, last = 0, self._last
        if last is not None:
            passed = reading.at_ms - last.at_ms
            least, most = (reading.sent - last.received) * 1000, (reading.received - last.sent) * 1000
            tolerance = TOLERANCE_MS + most * DRIFT
            if not least - tolerance <= passed <= most + tolerance:
                jump = round(passed - (least + most) / 2)
        self._last = Reading(reading.at_ms - jump, reading.sent, reading.received)
        return jump
