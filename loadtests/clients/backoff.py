"""How long a screen waits before it connects again, the same as the page in a browser."""

import random

BASE_SECONDS, CAP_SECONDS = 2.0, 10.0


def reconnect_delay(attempts: int) -> float:
    """Seconds to wait after so many attempts that failed: exponential back-off with full jitter, as the page waits."""
    return random.uniform(0, min(CAP_SECONDS, BASE_SECONDS * 2**attempts))
