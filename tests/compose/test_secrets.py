"""Secrets are stored only in files, and all services use new secrets after `make up`."""

import pytest

from loadtests.clients.till import Till
from tests.support.compose_load import opened
from tests.support.compose_stack import docker

pytestmark = pytest.mark.anyio
OF_REDIS = (
    *("redis_password", "redis_web_password", "redis_ws_password"),
    *("redis_acl", "redis_url", "redis_url_web", "redis_url_ws"),
)
OF_THE_DATABASE = ("postgres_password", "database_password", "database_url")


def test_secrets_are_only_in_files(stack) -> None:
    texts = {path.name: path.read_text().strip() for path in (stack.compose_folder / "secrets").iterdir()}
    visible = docker("inspect", *stack.compose("ps", "--quiet").split())
    for service in ("web", "ws", "nginx_files"):
        visible += docker("history", "--no-trunc", f"{stack.project}-{service}")

    assert len(texts) == 16
    assert texts.pop("email_url") == "", "the operator has not entered a mail server yet"
    assert [name for name, text in texts.items() if text in visible] == []
    assert (stack.compose_folder / "secrets").stat().st_mode & 0o077 == 0


def test_only_tasks_knows_the_mail_server(stack) -> None:
    def knows(service: str) -> bool:
        return "email_url" in stack.compose("exec", "-T", service, "ls", "/run/secrets").split()

    assert [service for service in ("web", "press", "tasks", "ws", "redis", "db") if knows(service)] == ["tasks"]


async def test_make_up_replaces_removed_secrets_and_everything_works(stack) -> None:
    secrets = stack.compose_folder / "secrets"
    before = {name: (secrets / name).read_text() for name in (*OF_REDIS, *OF_THE_DATABASE, "ticket_key")}
    for name in before:
        (secrets / name).unlink()
    stack.make("up")

    assert not any((secrets / name).read_text() == text for name, text in before.items())
    async with Till(stack.url) as till, opened(stack.url, await till.websocket_path(), 2) as screens:
        assert (await till.press(4)).status_code == 204
        for screen in screens:
            await screen.until(3, 10)
            assert [paint.till for paint in screen.painted] == [0, 4, 0]
    started = stack.started()
    stack.make("up")
    assert stack.started() == started, "a service was restarted for no reason"
