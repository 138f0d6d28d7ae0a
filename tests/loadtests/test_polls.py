"""What a process of Locust can't have read in time is known, whatever kept it busy."""

import subprocess
import sys

import pytest

from loadtests.measure.read_delays import late_by

PROGRAM = """
import socket
import time
import gevent
from gevent import monkey
monkey.patch_all()
from loadtests.measure.read_delays import Polls, late_by

def work(seconds):
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        pass

def read(sock):
    sock.recv(1)
    read_at.append(time.monotonic())

stretches, read_at = [], []
near, far = socket.socketpair()
polls = Polls(stretches)
polls.start()
gevent.sleep(0.05)
gevent.spawn(read, far)
gevent.sleep(0)
SEND
gevent.sleep(0.6)
polls.stop()
print(late_by(stretches, read_at[0]))
"""


def late(how: str) -> float:
    """In a process of its own: gevent's loop is the thread's."""
    done = subprocess.run([sys.executable, "-c", PROGRAM.replace("SEND", how)], capture_output=True, check=True)
    return float(done.stdout)


@pytest.mark.parametrize(
    "how",
    [
        "near.send(b'1'); work(0.2)",
        "gevent.spawn(lambda: (near.send(b'1'), work(0.2)))",
        "gevent.spawn_later(0.02, lambda: (near.send(b'1'), work(0.2)))",
        # Something else is read first, and that takes a while too.
        "gevent.spawn_later(0.02, work, 0.1); gevent.sleep(0.01); near.send(b'1'); work(0.1)",
    ],
    ids=["work goes on", "a greenlet works", "a timer's greenlet works", "two of them work"],
)
def test_what_came_while_nobody_looked_may_have_come_at_any_time_since(how) -> None:
    assert 0.19 < late(how) < 5


def test_what_somebody_waited_for_was_read_in_time() -> None:
    sender = "Popen(['sh', '-c', 'sleep 0.4; echo 1 >&0'], stdin=near)"

    assert late(f"from subprocess import Popen; {sender}; gevent.sleep(0); work(0.02)") < 0.2


def test_a_moment_before_between_or_after_the_stretches_is_not_late() -> None:
    stretches = [(1.0, 1.2, 1.0), (3.0, 3.1, 2.5)]

    assert [late_by(stretches, at) for at in (0.9, 1.1, 1.3, 3.05, 3.2)] == pytest.approx([0, 0.1, 0, 0.55, 0])
