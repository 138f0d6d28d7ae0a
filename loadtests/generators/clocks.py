"""Compares the clock of each worker process with the clock of Locust's master process.

The worker asks the master for its time again and again, as NTP does (RFC 5905, section 8). If both messages take the
same time, the master answers exactly in the middle between question and answer. Half of the time between question and
answer is the largest possible error.
"""

import time
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import AsyncResult

from loadtests.measure.clock_difference import Comparison

if TYPE_CHECKING:
    # Importing Locust replaces parts of the standard library (gevent), which tests must not do.
    from locust.runners import MasterRunner, WorkerRunner

QUESTION, ANSWER = "what is the time?", "the time"
FIRST_QUESTIONS, FIRST_PERIOD_SECONDS = 10, 0.05
PERIOD_SECONDS = 2.0
ANSWER_SECONDS = 5.0


def answer_questions(runner: "MasterRunner") -> None:
    """Let the master answer the questions of its workers."""

    def answer(environment: object, msg: Any) -> None:
        runner.send_message(ANSWER, {"sent": msg.data["sent"], "at": time.monotonic()}, msg.node_id)

    runner.register_message(QUESTION, answer)


class MasterClock:
    """The clock of the master, as a worker process sees it.

    comparisons: all comparisons of the run, in ascending order of their time.
    """

    def __init__(self, runner: "WorkerRunner") -> None:
        self.comparisons: list[Comparison] = []
        self._runner = runner
        self._sent = 0.0
        self._answer: AsyncResult = AsyncResult()
        runner.register_message(ANSWER, self._receive)

    def compare_first(self) -> None:
        """Compare the clocks several times at the begin of a run. Raises gevent.Timeout if the master is silent."""
        self.comparisons.clear()
        for _ in range(FIRST_QUESTIONS):
            self._compare()
            gevent.sleep(FIRST_PERIOD_SECONDS)

    @property
    def difference(self) -> float:
        """The time of the master minus the time of this process in seconds, from the most certain comparison."""
        return min(self.comparisons, key=lambda each: each.uncertainty).difference

    def compare_for_ever(self) -> None:
        """Compare the clocks every few seconds. Never returns."""
        while True:
            gevent.sleep(PERIOD_SECONDS)
            try:
                self._compare()
            except gevent.Timeout:
                # The process or the master is too busy. The uncertainty says what the other comparisons are worth.
                continue

    def _compare(self) -> None:
        self._answer, self._sent = AsyncResult(), time.monotonic()
        self._runner.send_message(QUESTION, {"sent": self._sent})
        received, at = self._answer.get(timeout=ANSWER_SECONDS)
        middle = (self._sent + received) / 2
        self.comparisons.append(Comparison(middle, at - middle, (received - self._sent) / 2))

    def _receive(self, environment: object, msg: Any) -> None:
        # An answer that comes after its timeout belongs to an earlier question.
        if msg.data["sent"] == self._sent:
            self._answer.set((time.monotonic(), msg.data["at"]))
