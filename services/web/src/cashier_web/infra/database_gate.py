"""Lets only one thread of a worker process at a time wait for the database, if a request can do without the database.

While the database hangs, a query can take forever. Without this gate, a few requests of strangers, for example with
unknown cookies, could occupy all threads of the service press, and no cashier could press.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError

WAIT_SECONDS = 0.5
"""The longest time for which a thread waits for its turn."""

_gate = threading.Lock()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Run the block, which reads from the database, when no other thread runs such a block.

    Raises OperationalError, as if the database did not answer, if another thread takes too long.
    """
    if not _gate.acquire(timeout=WAIT_SECONDS):
        raise OperationalError("the database does not answer another request of this process")
    try:
        yield
    finally:
        _gate.release()
