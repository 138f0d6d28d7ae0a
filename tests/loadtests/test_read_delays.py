"""A process of Locust that is busy reads messages too late, and records the read delay.

The recorded read delay must be at least the true delay. The time in which a process only waits for a message is no read
delay.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.measure.read_delays import longest_delay_at

ROOT = Path(__file__).parents[2]


def read_late(sender: str) -> tuple[float, float]:
    """Return two delays in seconds: the recorded read delay of a message, and the true delay of the message.

    A new process, which runs late_reader.py, reads the message. In pytest's process, all tests would share one gevent
    event loop.
    """
    argv = [sys.executable, "-m", "tests.loadtests.late_reader", sender]
    completed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    recorded, true = map(float, completed.stdout.split())
    return recorded, true


@pytest.mark.parametrize(
    "sender",
    ["send_and_work", "send_and_work_in_a_greenlet", "send_and_work_after_a_timer", "send_and_work_twice"],
)
def test_a_message_that_arrived_while_the_process_was_busy_has_at_least_its_true_delay(sender) -> None:
    recorded, true = read_late(sender)

    assert true > 0.1, "the process must be busy when the message arrives"
    assert recorded >= true


@pytest.mark.serial
def test_the_time_in_which_the_process_waited_for_a_message_is_no_delay() -> None:
    recorded, true = read_late("wait_for_the_sender")

    assert recorded <= true + 1e-5, (
        "the process waited for 0.4 s, and this time must not count (1e-5: the times are printed in microseconds)"
    )


def test_only_a_message_that_is_read_within_a_delay_is_late() -> None:
    read_delays = [(1.0, 1.2, 1.0), (3.0, 3.1, 2.5)]

    delays = [longest_delay_at(read_delays, at) for at in (0.9, 1.1, 1.3, 3.05, 3.2)]

    assert delays == pytest.approx([0, 0.1, 0, 0.55, 0])
