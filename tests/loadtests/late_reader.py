"""A program that test_read_delays.py runs. It measures by how much its gevent event loop reads a message too late.

The message arrives either while the event loop is busy, or while the event loop waits for messages. The program prints
two numbers of seconds: the read delay that `ReadDelayRecorder` has recorded, and the true delay of the message.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Callable

import gevent
from gevent import monkey

from loadtests.measure.read_delays import ReadDelay, ReadDelayRecorder, longest_delay_at

BUSY_SECONDS = 0.2
SENDER = "import os, time; time.sleep(0.4); os.write(0, b'%f' % time.monotonic())"


def work(seconds: float) -> None:
    """Keep the CPU busy, and do not let the event loop run."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        pass


def send(near: socket.socket) -> None:
    """Send a message that contains the current time."""
    near.send(b"%f" % time.monotonic())


def send_and_work(near: socket.socket) -> None:
    send(near)
    work(BUSY_SECONDS)


def send_and_work_in_a_greenlet(near: socket.socket) -> None:
    gevent.spawn(send_and_work, near)


def send_and_work_after_a_timer(near: socket.socket) -> None:
    gevent.spawn_later(0.02, send_and_work, near)


def send_and_work_twice(near: socket.socket) -> None:
    """Send a message, and keep the CPU busy. Then another greenlet keeps the CPU busy before the message is read."""
    gevent.spawn_later(0.02, work, BUSY_SECONDS / 2)
    gevent.sleep(0.01)
    send(near)
    work(BUSY_SECONDS / 2)


def wait_for_the_sender(near: socket.socket) -> None:
    """Let another process send the message while the event loop of this process only waits."""
    subprocess.Popen([sys.executable, "-c", SENDER], stdin=near)


SENDERS: dict[str, Callable[[socket.socket], None]] = {
    sender.__name__: sender
    for sender in (
        send_and_work,
        send_and_work_in_a_greenlet,
        send_and_work_after_a_timer,
        send_and_work_twice,
        wait_for_the_sender,
    )
}


def main() -> None:
    monkey.patch_all()
    read_delays: list[ReadDelay] = []
    near, far = socket.socketpair()

    def read() -> tuple[float, float]:
        sent = float(far.recv(100))
        return sent, time.monotonic()

    recorder = ReadDelayRecorder(read_delays)
    recorder.start()
    gevent.sleep(0.05)
    reader = gevent.spawn(read)
    gevent.sleep(0)
    SENDERS[sys.argv[1]](near)
    sent, at = reader.get()
    # The recorder adds a read delay to its list just before the event loop waits for messages again. Therefore the
    # program lets the event loop run once more.
    gevent.sleep(0.05)
    recorder.stop()
    print(longest_delay_at(read_delays, at), at - sent)


if __name__ == "__main__":
    main()
