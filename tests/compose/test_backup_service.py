"""The optional backup service makes daily backups in the same format as `make backup`, and copies them elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cashier_local.ports import wait_until
from tests.support.compose_stack import Failed, docker

REMOTE = """
[elsewhere]
type = webdav
url = http://elsewhere:8080
vendor = other
"""
WITH_BACKUP = {"COMPOSE_PROFILES": "backup", "CASHIER_BACKUP_REMOTE": "elsewhere:store"}
KINDS = {".dump", ".counts", ".tar"}


@pytest.fixture(scope="module")
def scheduled(stack) -> Iterator[Path]:
    """Start the service, and return the folder of its backups. The service copies them to another container."""
    folder = stack.compose_folder / "backups/scheduled"
    configuration = stack.compose_folder / "secrets/rclone.conf"
    before = configuration.read_text()
    configuration.chmod(0o644)
    configuration.write_text(REMOTE)
    stack.make("up", **WITH_BACKUP)
    serve = ["--entrypoint", "rclone", f"{stack.project}-backup", "serve", "webdav", "/store", "--addr", ":8080"]
    serve += ["--dir-cache-time", "0s"]
    name, network = f"{stack.project}-elsewhere", f"{stack.project}_backup"
    options = ["--name", name, "--network", network, "--network-alias", "elsewhere", "--tmpfs", "/store:uid=10001"]
    docker("run", "--detach", *options, *serve)
    try:
        yield folder
    finally:
        docker("rm", "--force", name)
        stack.compose("--profile", "backup", "rm", "--stop", "--force", "backup")
        configuration.write_text(before)


def copies(stack) -> set[str]:
    found = docker("exec", f"{stack.project}-elsewhere", "find", "/store", "-type", "f", "-printf", "%f\n")
    return set(found.split())


def logs(stack) -> str:
    """Return what the service has written to its standard output and its standard error."""
    return stack.compose("--profile", "backup", "logs", "--no-log-prefix", "backup")


def dumps(folder: Path) -> list[Path]:
    return sorted(folder.glob("cashier_q-*.dump"))


def test_a_backup_is_made_and_copied_to_another_host_if_the_last_one_is_older_than_a_day(stack, scheduled) -> None:
    wait_until(lambda: bool(dumps(scheduled)), 60, "the first backup")
    (dump,) = dumps(scheduled)
    names = {path.name for path in scheduled.iterdir() if path.name.startswith("cashier_q-")}

    assert {Path(name).suffix for name in names} == KINDS
    assert (scheduled.parent.stat().st_mode & 0o077) == 0
    wait_until(lambda: copies(stack) == names, 60, "the copies elsewhere")
    assert dump.name in stack.make("drill", f"FILE={dump}")


def test_a_second_backup_is_made_only_at_the_next_time(stack, scheduled) -> None:
    before = dumps(scheduled)
    (container,) = stack.compose("--profile", "backup", "ps", "--quiet", "backup").split()
    docker("restart", container)
    wait_until(
        lambda: docker("logs", container).count("A backup is made every day") == 2, 30, "the service has started again"
    )
    docker("exec", container, "/srv/backup/healthcheck")

    assert dumps(scheduled) == before


def test_old_backups_are_deleted_here_and_elsewhere_and_a_scheduled_backup_can_be_restored(stack, scheduled) -> None:
    (container,) = stack.compose("--profile", "backup", "ps", "--quiet", "backup").split()
    names = [f"cashier_q-202001{day:02}T000000Z.dump" for day in range(1, 12)]
    for name in names:
        (scheduled / name).write_text("old")
    docker("exec", container, "/srv/backup/copy-backups")
    kept = {path.name for path in dumps(scheduled)[-7:]}
    assert {name for name in copies(stack) if name.endswith(".dump")} == kept
    docker("exec", container, "/srv/backup/back-up")
    assert len(dumps(scheduled)) == 7
    docker("exec", container, "/srv/backup/copy-backups")

    assert {name for name in copies(stack) if name.endswith(".dump")} == {path.name for path in dumps(scheduled)}
    for name in names:
        (scheduled / name).unlink(missing_ok=True)
    newest = dumps(scheduled)[-1]
    assert newest.name in copies(stack)
    assert f"Restored {newest}" in stack.make("restore", f"FILE={newest}")
    wait_until(stack.is_healthy, 60, f"all services are healthy: {stack.states()}")


def test_a_remote_that_does_not_answer_causes_no_further_backups(stack, scheduled) -> None:
    (container,) = stack.compose("--profile", "backup", "ps", "--quiet", "backup").split()
    future = scheduled / "cashier_q-20990101T000000Z.dump"
    future.write_text("made while the clock was wrong")
    docker("stop", f"{stack.project}-elsewhere")
    try:
        failures = logs(stack).count("The copy to elsewhere:store has failed")
        before = dumps(scheduled)
        docker("restart", container)
        wait_until(
            lambda: logs(stack).count("The copy to elsewhere:store has failed") > failures, 120, "the copy has failed"
        )
        with pytest.raises(Failed):
            docker("exec", container, "/srv/backup/healthcheck")
        assert dumps(scheduled) == before
    finally:
        docker("start", f"{stack.project}-elsewhere")
    copied = logs(stack).count("copied to elsewhere:store")
    docker("restart", container)
    # The files must not be deleted before the whole copy is made. Otherwise the copy would fail.
    wait_until(lambda: logs(stack).count("copied to elsewhere:store") > copied, 60, "the copy is made after the start")
    assert future.name in copies(stack)
    docker("exec", container, "/srv/backup/healthcheck")
    for dump in dumps(scheduled):
        dump.unlink()
    future.write_text("made while the clock was wrong")
    wait_until(lambda: len(dumps(scheduled)) == 2, 90, "a backup is due, whatever comes from the future")
    future.unlink()


def test_make_up_removes_an_image_of_an_older_version_of_the_service(stack, scheduled, tmp_path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {stack.project}-backup\nLABEL cashier_q.test={stack.project}\n"  # The image inherits its title.
    )
    docker("build", "--quiet", str(tmp_path))
    older = ("image", "ls", "--quiet", "--filter", f"label=cashier_q.test={stack.project}")
    assert docker(*older)
    stack.make("up", **WITH_BACKUP)

    assert not docker(*older)


def test_the_service_has_few_rights_and_few_secrets(stack, scheduled) -> None:
    (container,) = stack.compose("--profile", "backup", "ps", "--quiet", "backup").split()
    inspected = stack.inspect(container)
    secrets = docker("exec", container, "ls", "/run/secrets").split()

    assert inspected["Config"]["User"] == "10001:10001"
    assert inspected["HostConfig"]["ReadonlyRootfs"]
    assert set(inspected["NetworkSettings"]["Networks"]) == {f"{stack.project}_data", f"{stack.project}_backup"}
    assert set(secrets) == {"database_password", "rclone_conf"}
    assert [mount["RW"] for mount in inspected["Mounts"] if mount["Destination"] == "/srv/media"] == [False]
