"""web runs its periodic tasks. Whenever a task is due, only one of the worker processes runs it.

A task that has failed runs again soon.
"""

import logging

import pytest
from django.db import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from cashier_web.periodic import MESSAGES, TASKS, PeriodicTask, run_due_tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def runs() -> list[str]:
    return []


@pytest.fixture
def task(runs) -> PeriodicTask:
    return PeriodicTask("sweep", 60, lambda: runs.append("sweep"))


def test_a_due_task_runs_once_and_runs_again_after_redis_has_lost_its_data(task, runs, redis) -> None:
    assert [task.run_if_due(redis) for _ in range(3)] == [True, False, False]
    redis.flushall()

    assert [task.run_if_due(redis) for _ in range(2)] == [True, False]
    assert runs == ["sweep", "sweep"]
    assert 0 < redis.ttl("cashier:chore:sweep") <= 60


@pytest.mark.parametrize(
    "fault", [OperationalError("server closed the connection"), RedisConnectionError("no answer")], ids=repr
)
def test_a_task_that_failed_runs_again_and_the_failure_is_logged_once(task, runs, redis, caplog, fault) -> None:
    def fail() -> None:
        raise fault

    caplog.set_level(logging.WARNING, logger="cashier_web.periodic")
    task.run = fail
    for _ in range(3):
        run_due_tasks([task], redis)
    assert [str(fault) in record.getMessage() for record in caplog.records] == [True]

    task.run = lambda: runs.append("ran again")
    run_due_tasks([task], redis)
    assert runs == ["ran again"]
    assert not task.has_failed


def test_other_tasks_run_although_one_task_has_failed(task, runs, redis, caplog) -> None:
    def fail() -> None:
        raise ValueError("a mistake in the code")

    run_due_tasks([PeriodicTask("fail", 60, fail), task], redis)

    assert runs == ["sweep"]
    assert "a mistake in the code" in caplog.text


def test_stores_are_compared_calls_are_recorded_and_old_calls_are_deleted() -> None:
    assert [(task.name, task.seconds) for task in TASKS] == [
        ("compare", 60),
        ("documents", 60),
        ("sessions", 60),
        ("used", 60),
        ("record", 5),
        ("proofs", 5),
        ("fleet", 5),
        ("alarms", 10),
        ("hours", 5),
        ("correct_hours", 60),
        ("proof_days", 60),
        ("prune", 3600),
        ("retry", 3600),
        ("disk", 600),
    ]
    assert [(task.name, task.seconds) for task in MESSAGES] == [("messages", 5)]


def test_a_task_runs_soon_although_the_clock_of_redis_was_set_back(task, runs, redis) -> None:
    task.run_if_due(redis)
    redis.expire("cashier:chore:sweep", 3660)

    assert [task.run_if_due(redis) for _ in range(3)] == [False, True, False]
    assert runs == ["sweep", "sweep"]
