"""`make backup` writes a complete backup or nothing, and `make restore` restores it completely or changes nothing.

`make drill` proves that a backup can be restored.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from cashier_local.ports import wait_until
from tests.support.compose_media import Manager, photo
from tests.support.compose_stack import Failed, Stack, docker

COUNT = "from cashier_web.models import Store; print(Store.objects.filter(slug__startswith='kept-').count())"
DEVICE = """
from cashier_web.models import Device, Store
from django.utils import timezone
Device.objects.get_or_create(name='Stolen', token_hash='a hash', store=Store.objects.get(slug='default'))
"""
OLD_BACKUP = "docker compose exec -T db pg_dump --username cashier --format custom cashier_q"
OLD_RESTORE = """docker compose exec -T db sh -c '
  pg_restore --no-owner --file /tmp/restore.sql
  psql --quiet --username cashier --dbname cashier_q --single-transaction --set ON_ERROR_STOP=1 \
    --command "DROP SCHEMA public CASCADE" --command "CREATE SCHEMA public" --file /tmp/restore.sql >/dev/null
  rm /tmp/restore.sql'"""
"""The commands with which version 0.1.0 makes and restores a backup."""


def count_kept_stores(stack) -> int:
    return int(stack.manage(COUNT).split()[-1])


def databases(stack) -> set[str]:
    (db,) = stack.containers("db")
    return set(docker("exec", db, "psql", "-U", "postgres", "-Atc", "SELECT datname FROM pg_database").split())


def shell(stack, command: str, **files) -> None:
    """Run a shell command in the folder of the compose file. `files` may be stdin and stdout."""
    subprocess.run(["bash", "-c", command], cwd=stack.compose_folder, env=stack.environment, check=True, **files)


def files_of_backups(stack) -> set[str]:
    return {path.name for path in (stack.compose_folder / "backups").iterdir()}


@pytest.fixture(scope="module", autouse=True)
def account(stack) -> None:
    """Create an account. Without any account, device and screen, a database counts as empty."""
    stack.manage("from django.contrib.auth.models import User; User.objects.get_or_create(username='operator')")


@pytest.fixture
def backup(stack) -> Path:
    """A backup that contains the store `kept-1`."""
    stack.manage("from cashier_web.models import Store; Store.objects.get_or_create(slug='kept-1', name='Kept')")
    return stack.folder / stack.make("backup").split()[-1]


def test_a_restore_brings_back_a_store_that_was_deleted_after_the_backup(stack, backup) -> None:
    stack.manage("from cashier_web.models import Store; Store.objects.filter(slug='kept-1').delete()")
    assert count_kept_stores(stack) == 0
    output = stack.make("restore", f"FILE={backup}")

    assert count_kept_stores(stack) == 1
    assert "RESTORED  store kept-1: was deleted after the backup." in output
    assert stack.is_healthy()
    assert databases(stack) == {"cashier_q", "postgres", "template0", "template1"}
    assert (stack.compose_folder / "backups").stat().st_mode & 0o077 == 0


def test_a_backup_consists_of_three_files_that_only_the_operator_can_read(stack, backup) -> None:
    for name in (backup, backup.with_suffix(".counts"), backup.with_suffix(".media.tar")):
        assert name.stat().st_mode & 0o077 == 0
        assert name.stat().st_size > 0
    assert not any(name.endswith(".new") for name in files_of_backups(stack))


def test_a_device_that_was_revoked_after_the_backup_stays_revoked_and_web_restarts(stack) -> None:
    stack.manage(DEVICE)
    file = stack.make("backup").split()[-1]
    stack.manage("from cashier_web.models import Device; Device.objects.update(revoked_at='2026-01-01T00:00Z')")
    (web,) = stack.containers("web")
    before = stack.started()[web]
    output = stack.make("restore", f"FILE={file}")

    assert "KEPT      device Stolen (store default): revoked" in output
    assert "None" not in stack.manage("from cashier_web.models import Device; print(Device.objects.get().revoked_at)")
    assert stack.started()[web] != before, "web must not use the database while it is replaced"
    assert any(name.startswith("restore-") for name in files_of_backups(stack))


@pytest.mark.parametrize("kind", ["nonsense", "truncated"])
def test_restoring_a_broken_file_changes_nothing(kind, stack, backup, tmp_path) -> None:
    content = backup.read_bytes()
    broken = tmp_path / "broken.dump"
    broken.write_bytes(b"PGDMP and then something else" if kind == "nonsense" else content[: len(content) // 2])
    before, started = count_kept_stores(stack), stack.started()

    with pytest.raises(Failed, match="The database from before the restore is used, and is unchanged"):
        stack.make("restore", f"FILE={broken}")
    assert count_kept_stores(stack) == before
    assert stack.started() == started
    assert databases(stack) == {"cashier_q", "postgres", "template0", "template1"}


def test_without_a_file_a_restore_changes_nothing(stack) -> None:
    with pytest.raises(Failed, match="cannot read"):
        stack.make("restore")


def test_a_restore_that_is_interrupted_while_web_is_stopped_leaves_the_old_data(stack, backup) -> None:
    stack.manage("from cashier_web.models import Store; Store.objects.get_or_create(slug='kept-2', name='Newer')")
    before = count_kept_stores(stack)
    process = stack.start_make("restore", f"FILE={backup}")
    try:
        wait_until(lambda: not stack.containers("web"), 120, "web is stopped")
    finally:
        interrupt_again_and_again(process)

    assert count_kept_stores(stack) == before
    assert stack.is_healthy()
    assert databases(stack) == {"cashier_q", "postgres", "template0", "template1"}
    assert "restoring.json" not in files_of_backups(stack)


def interrupt_again_and_again(process: subprocess.Popen[bytes]) -> None:
    """Press Ctrl-C, close the terminal, press Ctrl-C, and so on, until all processes of the command have ended.

    Each of them sends a signal to all processes of the terminal's process group.
    """
    signals = itertools.cycle([signal.SIGINT, signal.SIGHUP])

    def all_have_ended() -> bool:
        try:
            os.killpg(process.pid, next(signals))
        except ProcessLookupError:
            return True
        process.poll()  # A process that has ended stays in the group until somebody has asked for its exit code.
        return False

    wait_until(all_have_ended, 120, "the restore has ended")


def test_make_up_deletes_the_database_of_a_restore_during_which_the_host_stopped(stack) -> None:
    """The power failed while the dump was read into the second database."""
    (db,) = stack.containers("db")
    docker("exec", db, "createdb", "-U", "postgres", "cashier_q_restored")
    stack.make("up")

    assert databases(stack) == {"cashier_q", "postgres", "template0", "template1"}


def test_the_report_of_a_restore_cannot_fail_the_restore(stack) -> None:
    """Nobody reads the output: the terminal is gone, or `make restore | head` has ended."""
    script = "set -euo pipefail; here=.; source ./restore-steps; web() { :; }; echo '{}' >$state; keep_revoked"
    reader, writer = os.pipe()
    os.close(reader)
    with Path("/dev/full").open("w") as full, os.fdopen(writer, "w") as closed:
        for stdout in (full, closed):
            shell(stack, script, stdout=stdout)


def test_on_a_host_without_cashier_q_a_restore_asks_for_make_up(tmp_path) -> None:
    clone = Stack(tmp_path)
    clone.clone()
    dump = tmp_path / "any.dump"
    dump.write_bytes(b"")

    with pytest.raises(Failed, match="not installed here yet: run `make up` first, then `make restore`"):
        clone.make("restore", f"FILE={dump}")
    assert clone.states() == set()


def test_make_up_completes_a_restore_during_which_the_host_stopped(stack) -> None:
    """The restore has replaced the database by a backup in which a device is not yet revoked, and then power failed."""
    stack.manage(f"{DEVICE}Device.objects.update(revoked_at=timezone.now())")
    state = stack.compose("exec", "-T", "web", "python", "-m", "cashier_web", "revocations", "save")
    (stack.compose_folder / "backups/restoring.json").write_text(state[state.index("{") :])
    stack.manage("from cashier_web.models import Device; Device.objects.update(revoked_at=None)")
    (db,) = stack.containers("db")
    docker("exec", db, "createdb", "-U", "postgres", "cashier_q_before")
    output = stack.make("up")

    assert "A restore was interrupted after it had replaced the database." in output
    assert "KEPT      device Stolen (store default): revoked" in output
    assert "None" not in stack.manage("from cashier_web.models import Device; print(Device.objects.get().revoked_at)")
    assert databases(stack) == {"cashier_q", "postgres", "template0", "template1"}


def test_backups_of_version_0_1_0_can_be_restored_and_databases_that_it_has_restored_can_be_saved(
    stack, tmp_path
) -> None:
    old = tmp_path / "old.dump"
    stack.manage("from cashier_web.models import Store; Store.objects.get_or_create(slug='kept-old', name='Kept')")
    with old.open("wb") as file:
        shell(stack, OLD_BACKUP, stdout=file)
    with old.open("rb") as file:
        shell(stack, OLD_RESTORE, stdin=file)
    new = stack.make("backup").split()[-1]
    for backup in (old, new):
        stack.manage("from cashier_web.models import Store; Store.objects.filter(slug='kept-old').delete()")
        stack.make("restore", f"FILE={backup}")
        assert int(stack.manage(COUNT.replace("kept-", "kept-old")).split()[-1]) == 1
    assert "no numbers of rows to compare" in stack.make("drill", f"FILE={old}")


def test_pictures_come_back_and_a_broken_archive_of_media_changes_nothing(stack, tmp_path) -> None:
    with Manager(stack, "picture-shop") as manager:
        picture = manager.upload(photo())
        content = manager.client.get(picture).content
        backup = Path(stack.folder / stack.make("backup").split()[-1])
        media = backup.with_suffix(".media.tar")
        stack.compose("run", "--rm", "--no-deps", "-T", "migrate", "sh", "-c", "rm -r /srv/media/*")
        for suffix in (".dump", ".counts"):
            shutil.copy(backup.with_suffix(suffix), tmp_path / f"half{suffix}")
        (tmp_path / "half.media.tar").write_bytes(media.read_bytes()[:100_000])
        with pytest.raises(Failed, match="pictures and videos cannot be restored completely"):
            stack.make("restore", f"FILE={tmp_path / 'half.dump'}")
        assert (
            stack.compose("run", "--rm", "--no-deps", "-T", "migrate", "find", "/srv/media", "-type", "f").count(
                "/srv/media/"
            )
            == 0
        )
        stack.make("restore", f"FILE={backup}")

        assert manager.client.get(picture).content == content


def test_a_backup_that_does_not_fit_writes_nothing(stack) -> None:
    before = files_of_backups(stack)
    if shutil.disk_usage(stack.compose_folder).free > 10**12:
        pytest.skip("the disk has more free space than the largest value of CASHIER_FREE_DISK_MB")

    with pytest.raises(Failed, match=r"the disk of deploy/compose/backups has too little space"):
        stack.make("backup", CASHIER_FREE_DISK_MB="1000000")
    assert files_of_backups(stack) == before


def test_old_backups_are_deleted_and_the_newest_seven_are_kept(stack, backup) -> None:
    folder = backup.parent
    old = [f"cashier_q-202001{day:02}T000000Z" for day in range(1, 12)]
    for name in old:
        for kind in ("dump", "counts", "media.tar"):
            (folder / f"{name}.{kind}").write_text("old")
    others = {"my-own-20200101T000000Z.dump", "cashier_q-20990101T000000Z.dump"}
    for name in others:
        (folder / name).write_text("has another name, or was made while the clock was wrong")
    newest = Path(stack.make("backup", CASHIER_BACKUP_DAYS="30").split()[-1]).name

    names = files_of_backups(stack)
    young = {name for name in names if name.endswith(".dump")} - others - {f"{name}.dump" for name in old}
    kept = old[-(7 - len(young)) :] if len(young) < 7 else []
    assert others | {backup.name, newest} <= names
    assert {name for name in names if name.startswith("cashier_q-2020")} == {
        f"{name}.{kind}" for name in kept for kind in ("dump", "counts", "media.tar")
    }
    assert newest in stack.make("drill")
    for name in others:
        (folder / name).unlink()
    for name in old:
        for path in folder.glob(f"{name}.*"):
            path.unlink()


def test_a_drill_restores_the_newest_backup_elsewhere_and_compares_the_numbers_of_rows(stack, backup) -> None:
    before, started = count_kept_stores(stack), stack.started()
    output = stack.make("drill")

    assert backup.name in output
    assert "The backup is good" in output
    counts = backup.with_suffix(".counts")
    stores = next(line for line in counts.read_text().splitlines() if line.startswith("cashier_web_store "))
    assert stores in output
    counts.write_text(counts.read_text().replace(stores, "cashier_web_store 4711"))
    with pytest.raises(Failed, match="have other numbers of rows"):
        stack.make("drill")
    assert docker("ps", "--all", "--quiet", "--filter", f"label=cashier_q.drill={stack.project}") == ""
    assert (count_kept_stores(stack), stack.started()) == (before, started)


def test_a_drill_finds_a_damaged_dump(stack, backup) -> None:
    content = bytearray(backup.read_bytes())
    backup.write_bytes(content[: len(content) - 2000])

    with pytest.raises(Failed):
        stack.make("drill")


def test_the_counts_are_those_of_the_dump(stack, backup) -> None:
    """The counts and the dump are from the same snapshot of the database.

    Therefore calls that are stored during the backup make no difference.
    """
    counts = dict(line.split() for line in backup.with_suffix(".counts").read_text().splitlines())
    stores = json.loads(stack.manage("from cashier_web.models import Store; print(Store.objects.count())").split()[-1])

    assert int(counts["cashier_web_store"]) == stores
    assert int(counts["bytes"]) > 1_000_000
