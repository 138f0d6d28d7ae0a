"""The stretches in which a process of Locust doesn't look at its sockets are noted, whoever keeps it busy."""

import subprocess
import sys

import pytest

WORKS = """
import time
import gevent
from loadtests.polls import Polls, late_by

def work():
    begun.append(time.monotonic())
    while time.monotonic() - begun[0] < 0.2:
        pass
    read.append(time.monotonic())

begun, read, stretches = [], [], []
polls = Polls(stretches)
polls.start()
gevent.sleep(0.05)
{start}
gevent.sleep(0.3)
polls.stop()
assert len([each for each in stretches if each[1] - each[0] >= 0.2]) == 1, stretches
assert 0.19 < late_by(stretches, read[0]) < 5, stretches
assert late_by(stretches, begun[0] - 0.03) == 0, stretches
"""


@pytest.mark.parametrize("start", ["gevent.spawn(work)", "gevent.spawn_later(0.02, work)"], ids=["greenlet", "timer"])
def test_a_stretch_of_work_is_noted(start) -> None:
    # In a process of its own: gevent's loop is the thread's.
    subprocess.run([sys.executable, "-c", WORKS.format(start=start)], check=True)
