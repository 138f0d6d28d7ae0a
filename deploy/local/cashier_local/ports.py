"""Find free ports of this machine, and check whether a process answers on a port."""

import random
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable

# This range is below the ports that Linux uses for outgoing connections. With thousands of screens, an outgoing
# connection could otherwise use the port of a process that is being restarted.
LOWEST, HIGHEST = 15_000, 32_000


def try_port(port: int, host: str = "127.0.0.1") -> None:
    """Raises OSError if no process can listen on the port, or PermissionError if only root can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a process could listen on the port."""
    try:
        try_port(port, host)
    except OSError:
        return False
    return True


_returned: set[int] = set()


def free_port() -> int:
    """A free port, a different one for each call. Raises OSError if no free port is found."""
    for port in random.sample(range(LOWEST, HIGHEST), 200):
        # The port of an earlier call may still be free, because its process does not listen yet.
        if port not in _returned and is_free(port):
            _returned.add(port)
            return port
    raise OSError(f"no free port found between {LOWEST} and {HIGHEST}")


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a connection to the port is accepted."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def responds(url: str) -> bool:
    """Whether a GET request for the URL succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Return as soon as `condition()` is true. Raises TimeoutError, which names `what`, after this many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)  # before the condition is evaluated again
