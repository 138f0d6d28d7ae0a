"""What must be done again and again is done by one of all workers, and soon again when it failed."""

import logging

import pytest
from django.db import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from cashier_web.periodic import CHORES, Chore, look_round

pytestmark = pytest.mark.django_db


@pytest.fixture
def done() -> list[str]:
    return []


@pytest.fixture
def chore(done) -> Chore:
    return Chore("sweep", 60, lambda: done.append("sweep"))


def test_one_of_all_workers_does_it_and_again_when_redis_has_lost_its_data(chore, done, redis) -> None:
    assert [chore.take_turn(redis) for _ in range(3)] == [True, False, False]
    redis.flushall()

    assert [chore.take_turn(redis) for _ in range(2)] == [True, False]
    assert done == ["sweep", "sweep"]
    assert 0 < redis.ttl("cashier:chore:sweep") <= 60


@pytest.mark.parametrize(
    "fault", [OperationalError("server closed the connection"), RedisConnectionError("away")], ids=repr
)
def test_one_that_failed_is_done_again_and_the_fault_is_told_once(chore, done, redis, caplog, fault) -> None:
    def fail() -> None:
        raise fault

    caplog.set_level(logging.WARNING, logger="cashier_web.periodic")
    chore.do = fail
    for _ in range(3):
        look_round([chore], redis)
    assert [str(fault) in record.getMessage() for record in caplog.records] == [True]

    chore.do = lambda: done.append("swept")
    look_round([chore], redis)
    assert done == ["swept"]
    assert not chore.is_told


def test_a_fault_in_one_chore_keeps_no_other_from_being_done(chore, done, redis, caplog) -> None:
    def fail() -> None:
        raise ValueError("a fault of ours")

    look_round([Chore("fail", 60, fail), chore], redis)

    assert done == ["sweep"]
    assert "a fault of ours" in caplog.text


def test_what_screens_say_is_compared_calls_are_kept_and_old_ones_go() -> None:
    assert [(chore.name, chore.seconds) for chore in CHORES] == [("compare", 60), ("record", 5), ("prune", 3600)]
