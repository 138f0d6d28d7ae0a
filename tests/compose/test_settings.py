"""If a setting is missing or bad, the service does not start, and prints one line with the name of the variable."""

import os
import shutil
import subprocess

import pytest

from cashier_local.topology import ROOT
from tests.support.compose_stack import Failed, docker

BAD = {
    "web": [
        "CASHIER_WEB_WORKERS=none",
        "CASHIER_HSTS_SECONDS=60",
        "CASHIER_LOG_FORMAT=xml",
        "CASHIER_HOSTS=a.example:8000",
        "EMAIL_URL=mail.example.com",
    ],
    "ws": ["CASHIER_DRAIN_SECONDS=an hour", "CASHIER_STUCK_SECONDS=0", "REDIS_URL=redis"],
    "nginx_files": [
        "CASHIER_TRUSTED_PROXIES=the proxy",
        "CASHIER_TRUSTED_PROXIES=10.0.0.0/99",
        "CASHIER_HTTPS=perhaps",
        "CASHIER_SCREENS=many",
    ],
}
CASES = [(service, setting) for service, settings in BAD.items() for setting in settings]


@pytest.mark.parametrize(("service", "setting"), CASES, ids=lambda case: case.split("=")[0])
def test_a_bad_value_stops_the_container_with_a_line_that_names_the_variable(service, setting, stack) -> None:
    secrets = [f"--env=CASHIER_{name}=only for this test, only for this test" for name in ("TICKET_KEY", "SECRET_KEY")]
    options, arguments = [], []
    if service == "nginx_files":
        options = [f"--tmpfs=/srv/nginx/{name}:uid=10001,gid=10001" for name in ("conf.d", "run")]
        options, arguments = [*options, "--entrypoint=/srv/nginx/entrypoint"], ["check"]

    with pytest.raises(Failed) as failed:
        docker("run", "--rm", *secrets, *options, f"--env={setting}", f"{stack.project}-{service}", *arguments)

    (line,) = [line for line in str(failed.value).splitlines() if line.startswith("cashier_q: ")]
    assert line.startswith(f"cashier_q: {setting.partition('=')[0]}")
    assert "Traceback" not in str(failed.value)


@pytest.mark.parametrize(("service", "secret"), [("web", "SECRET_KEY"), ("ws", "TICKET_KEY")])
def test_a_missing_secret_stops_the_container_with_a_line_that_names_the_variable(service, secret, stack) -> None:
    others = {"SECRET_KEY", "TICKET_KEY"} - {secret}

    with pytest.raises(Failed, match=f"cashier_q: CASHIER_{secret}: required, but not set"):
        docker("run", "--rm", *(f"--env=CASHIER_{name}={'x' * 40}" for name in others), f"{stack.project}-{service}")


def test_make_up_with_a_bad_value_names_the_variable_and_changes_nothing(stack) -> None:
    before = stack.compose("ps", "--quiet")

    with pytest.raises(Failed) as failed:
        stack.make("up", CASHIER_WEB_THREADS="many")
    assert "cashier_q: CASHIER_WEB_THREADS: " in str(failed.value)
    assert "Traceback" not in str(failed.value)
    assert stack.compose("ps", "--quiet") == before


@pytest.mark.parametrize("count", ["0", "two", "41", "100", ""])
def test_an_invalid_number_of_replicas_changes_nothing(count, stack) -> None:
    before = stack.compose("ps", "--quiet", "ws")

    with pytest.raises(Failed, match="a whole number from 1 to 40"):
        stack.make("scale", f"WS={count}")
    assert stack.compose("ps", "--quiet", "ws") == before


@pytest.mark.parametrize(
    ("env", "replicas"),
    [
        ("", None),
        ("CASHIER_SCREENS=5000\n", None),  # The two replicas of the default are enough.
        ("CASHIER_SCREENS=40000\n", "6"),
        ("CASHIER_WS_REPLICAS=3\nCASHIER_SCREENS=40000\n", "6"),
        ("CASHIER_WS_REPLICAS=9\nCASHIER_SCREENS=40000\n", "9"),
    ],
)
def test_the_number_of_replicas_fits_the_number_of_screens(env, replicas, tmp_path) -> None:
    shutil.copy(ROOT / "deploy/compose/fit-replicas", tmp_path)
    (tmp_path / ".env").write_text(env)
    for _ in range(2):
        subprocess.run([tmp_path / "fit-replicas"], check=True, env={"PATH": os.environ["PATH"]})
        lines = [line for line in (tmp_path / ".env").read_text().splitlines() if "REPLICAS" in line]

        assert lines == ([f"CASHIER_WS_REPLICAS={replicas}"] if replicas else [])


def test_nginx_has_enough_worker_processes_for_the_screens(stack) -> None:
    options = [f"--tmpfs=/srv/nginx/{name}:uid=10001,gid=10001" for name in ("conf.d", "run")]
    command = "cd /srv/nginx && ./entrypoint check && cat conf.d/workers.conf"
    image = f"{stack.project}-nginx_files"
    written = docker("run", "--rm", *options, "--env=CASHIER_SCREENS=400000", "--entrypoint=sh", image, "-c", command)

    assert written.strip() == "worker_processes 100;"


@pytest.mark.parametrize("screens", ["0", "many", "300001"])
def test_make_up_refuses_a_bad_number_of_screens(screens, stack) -> None:
    with pytest.raises(Failed, match="cashier_q: CASHIER_SCREENS: must be a whole number from 1 to 300000"):
        stack.make("up", CASHIER_SCREENS=screens)


def test_if_a_server_of_the_database_does_not_answer_the_next_one_is_used(stack) -> None:
    # Nothing listens on port 1 of the database's host.
    command = """
    DATABASE_URL=$(sed 's/@db:5432/@db:1,db:5432/' $DATABASE_URL_FILE)
    export DATABASE_URL
    unset DATABASE_URL_FILE
    python -m cashier_web shell --no-imports -c '
from django.db import connection
connection.ensure_connection()
print(connection.connection.info.port)'
    """

    assert stack.compose("exec", "-T", "web", "sh", "-c", command).split()[-1] == "5432"
