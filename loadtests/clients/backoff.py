"""The time that a simulated screen waits before it reconnects.

It is chosen in the same way as on the page of a screen.
"""

import random

BASE_SECONDS, CAP_SECONDS = 2.0, 10.0


def reconnect_delay(attempts: int) -> float:
    """Return how many seconds to wait after `attempts` failed attempts to connect.

    The time is random, and its upper limit doubles with each attempt, as on the page (exponential back-off with full
    jitter).
    """
    return random.uniform(0, min(CAP_SECONDS, BASE_SECONDS * 2**attempts))
