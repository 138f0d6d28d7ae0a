"""With Sentinels, the steps of a press are repeated until the primary is back, at most for a limited time."""

import pytest
from django.test import RequestFactory
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError

from cashier_core.timeline import StaleDocument, Unanswered
from cashier_web.calls import failover
from cashier_web.calls.failover import repeat_during_failover


class Step:
    """Raises the given exceptions, one at each call, and then returns "done"."""

    def __init__(self, *faults: Exception) -> None:
        self.faults, self.count = list(faults), 0

    def __call__(self) -> str:
        self.count += 1
        if self.faults:
            raise self.faults.pop(0)
        return "done"


@pytest.fixture
def request_of_press():
    return RequestFactory().post("/cashier_action")


@pytest.fixture
def sentinels(monkeypatch) -> None:
    monkeypatch.setattr(failover, "_has_sentinels", lambda: True)


def test_a_step_is_repeated_until_it_succeeds(sentinels, request_of_press) -> None:
    step = Step(RedisConnectionError("away"), Unanswered("no answer"))

    assert repeat_during_failover(step, request_of_press) == "done"
    assert step.count == 3


def test_a_step_is_not_repeated_without_sentinels(request_of_press) -> None:
    step = Step(RedisConnectionError("away"))

    with pytest.raises(RedisConnectionError):
        repeat_during_failover(step, request_of_press)
    assert step.count == 1


def test_all_steps_of_a_request_share_the_time(sentinels, request_of_press, monkeypatch) -> None:
    monkeypatch.setattr(failover, "REPEAT_SECONDS", 0.25)
    for _step in range(2):
        with pytest.raises(RedisConnectionError):
            repeat_during_failover(Step(*[RedisConnectionError("away")] * 50), request_of_press)
    step = Step(RedisConnectionError("away"))

    with pytest.raises(RedisConnectionError):
        repeat_during_failover(step, request_of_press)
    assert step.count == 1


@pytest.mark.parametrize("later", [OutOfMemoryError("full"), StaleDocument(), RedisConnectionError("away")])
def test_an_attempt_that_may_have_made_the_call_is_not_forgotten(
    sentinels, request_of_press, monkeypatch, later
) -> None:
    monkeypatch.setattr(failover, "REPEAT_SECONDS", 0.15)

    with pytest.raises(Unanswered):
        repeat_during_failover(Step(Unanswered("no answer"), *[later] * 50), request_of_press)


def test_an_error_that_another_primary_would_have_too_is_not_repeated(sentinels, request_of_press) -> None:
    step = Step(OutOfMemoryError("full"))

    with pytest.raises(OutOfMemoryError):
        repeat_during_failover(step, request_of_press)
    assert step.count == 1
