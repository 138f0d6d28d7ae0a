"""Commands that change the stack exclude each other, and a migration does not stop the presses of the stores."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cashier_local.ports import wait_until
from tests.support.compose_stack import Failed, docker

MIGRATE = """
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import pre_migrate

def change_the_table(**signal):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE cashier_web_store ALTER COLUMN logo SET DEFAULT ''")

pre_migrate.connect(change_the_table, sender=apps.get_app_config("cashier_web"), weak=False)
call_command("migrate")
"""
"""The command `migrate` with one more step, which changes the table of the stores as a migration would."""
IS_LOCKED = "SELECT count(*) FROM pg_locks WHERE relation = 'cashier_web_store'::regclass AND pid <> pg_backend_pid()"
HOLDS_THE_TABLE = "BEGIN; LOCK TABLE cashier_web_store IN ACCESS SHARE MODE; SELECT 'locked'; SELECT pg_sleep(15)"


@contextmanager
def running(stack, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a docker compose command while the block is executed."""
    process = subprocess.Popen(
        ["docker", "compose", *command],
        cwd=stack.compose_folder,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.communicate(timeout=60)


@pytest.mark.parametrize("command", [["update"], ["up"], ["backup"], ["rollback"], ["scale", "WS=3"], ["restore"]])
def test_a_command_that_changes_the_stack_waits_for_no_other_and_says_who_is_busy(command, stack, tmp_path) -> None:
    before = stack.compose("ps", "--quiet")
    dump = tmp_path / "any.dump"
    dump.write_bytes(b"")
    (arguments := [*command]).extend([f"FILE={dump}"] if command == ["restore"] else [])
    lock = stack.compose_folder / "backups/scheduled/.lock"
    # The pipe keeps flock alive until the block ends.
    with subprocess.Popen(
        ["flock", str(lock), "sh", "-c", f"echo '`make update` (process 7)' >{lock}; echo; cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdin
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(Failed, match=r"`make update` \(process 7\) is still running\. Nothing was changed\."):
            stack.make(*arguments)
        holder.stdin.close()

    assert stack.compose("ps", "--quiet") == before


def test_a_command_that_was_killed_does_not_keep_the_lock(stack) -> None:
    process = stack.start_make("backup")
    lock = stack.compose_folder / "backups/scheduled/.lock"
    wait_until(lambda: "`make backup`" in lock.read_text(), 60, "the backup has the lock")
    subprocess.run(["pkill", "-KILL", "--session", str(process.pid)], check=True)
    process.wait(10)

    assert stack.make("backup").strip().endswith(".dump")
    assert not list((stack.compose_folder / "backups").glob("*.new"))


def test_a_migration_that_waits_for_a_table_lets_presses_pass_and_is_tried_again(stack) -> None:
    """The command `migrate` changes the table of the stores, which another transaction uses for 15 seconds.

    A reader of the table has to wait behind the migration for a second at most.
    """
    (db,) = stack.containers("db")
    psql = ("exec", db, "psql", "--username", "cashier", "--dbname", "cashier_q", "--tuples-only", "--command")
    with running(stack, "exec", "-T", "db", *psql[2:], HOLDS_THE_TABLE) as holder:
        wait_until(lambda: "1" in docker(*psql, IS_LOCKED), 20, "the table is in use")
        migrate = ("run", "--rm", "--no-deps", "-T", "migrate", "python", "-m", "cashier_web", "shell", "--no-imports")
        with running(stack, *migrate, "-c", MIGRATE) as migration:
            while holder.poll() is None:
                docker(*psql, "SET statement_timeout = '3s'; SELECT count(*) FROM cashier_web_store")
                time.sleep(0.1)  # Requests without a pause would take CPU time from the migration.
            output, _ = migration.communicate(timeout=60)

    assert migration.returncode == 0, output
    assert "Another transaction uses the table. Trying again" in output
