"""Periodic tasks: one of all workers runs each task, and a task that failed is run again soon."""

import logging

import pytest
from django.db import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from cashier_web.periodic import TASKS, PeriodicTask, run_due_tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def runs() -> list[str]:
    return []


@pytest.fixture
def task(runs) -> PeriodicTask:
    return PeriodicTask("sweep", 60, lambda: runs.append("sweep"))


def test_one_worker_runs_a_task_and_again_after_redis_has_lost_its_data(task, runs, redis) -> None:
    assert [task.run_if_due(redis) for _ in range(3)] == [True, False, False]
    redis.flushall()

    assert [task.run_if_due(redis) for _ in range(2)] == [True, False]
    assert runs == ["sweep", "sweep"]
    assert 0 < redis.ttl("cashier:chore:sweep") <= 60


@pytest.mark.parametrize(
    "fault", [OperationalError("server closed the connection"), RedisConnectionError("away")], ids=repr
)
def test_a_task_that_failed_runs_again_and_the_failure_is_logged_once(task, runs, redis, caplog, fault) -> None:
    def fail() -> None:
        raise fault

    caplog.set_level(logging.WARNING, logger="cashier_web.periodic")
    task.run = fail
    for _ in range(3):
        run_due_tasks([task], redis)
    assert [str(fault) in record.getMessage() for record in caplog.records] == [True]

    task.run = lambda: runs.append("swept")
    run_due_tasks([task], redis)
    assert runs == ["swept"]
    assert not task.has_failed


def test_a_fault_in_one_task_keeps_no_other_task_from_running(task, runs, redis, caplog) -> None:
    def fail() -> None:
        raise ValueError("a fault of ours")

    run_due_tasks([PeriodicTask("fail", 60, fail), task], redis)

    assert runs == ["sweep"]
    assert "a fault of ours" in caplog.text


def test_stores_are_compared_calls_are_recorded_and_old_calls_are_deleted() -> None:
    assert [(task.name, task.seconds) for task in TASKS] == [("compare", 60), ("record", 5), ("prune", 3600)]
