"""Ports of this machine that are free, and whether something answers on one."""

import random
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable

# Below the range from which Linux takes the ports of outgoing connections: with thousands of screens one of
# those could sit on the port of a process that is just being started again.
LOWEST, HIGHEST = 15_000, 32_000


def try_port(port: int, host: str = "127.0.0.1") -> None:
    """Raises OSError, or PermissionError, if nothing could listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something could listen on the port."""
    try:
        try_port(port, host)
    except OSError:
        return False
    return True


_given: set[int] = set()


def free_port() -> int:
    """A port that is free now, and another one each time. Raises OSError if none is found."""
    for port in random.sample(range(LOWEST, HIGHEST), 200):
        # Those who asked before may not listen yet.
        if port not in _given and is_free(port):
            _given.add(port)
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
    """Whether a GET of the URL is answered with 2xx."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Return as soon as `true()` is. Raises TimeoutError, naming `what`, when the time is over."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)  # between two looks
