"""web answers the health checks of Docker, gives its metrics to Prometheus, and writes log lines for log collectors."""

import json
import logging
from contextlib import closing

import pytest
from django.db import OperationalError, connection
from django.test import Client

from cashier_core import __version__, logs
from cashier_local.ports import free_port
from cashier_web.press_data import lookup

pytestmark = pytest.mark.django_db
OUTCOMES = ("called", "refused", "unreachable")


def press(client: Client, **headers: str):
    return client.post("/cashier_action", {"cashier": "4", "language": "en"}, headers=headers)


def figure(client: Client, name: str) -> float:
    lines = client.get("/metrics").content.decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def test_health_checks_answer_under_any_host_name(client, store) -> None:
    for path, text in (("/healthz", b"ok\n"), ("/readyz", b"ready\n")):
        answer = client.get(path, headers={"Host": "172.20.0.3:8000"})
        assert (answer.status_code, answer.content) == (200, text)
    assert client.get("/", headers={"Host": "172.20.0.3:8000"}).status_code == 400


def test_the_refusal_of_an_unknown_host_name_names_the_setting(client, store) -> None:
    assert "CASHIER_HOSTS" in client.get("/", headers={"Host": "elsewhere.example"}).content.decode()


def test_without_redis_web_is_alive_but_not_ready(client, store, environment) -> None:
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")

    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (503, b"a press would fail: Redis cannot be used\n")


def test_if_redis_accepts_no_writes_web_is_alive_but_not_ready(client, store, redis) -> None:
    redis.config_set("maxmemory", 1)
    try:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
    finally:
        redis.config_set("maxmemory", 0)
    assert client.get("/readyz").status_code == 200


def test_without_the_database_web_is_ready_because_cashiers_can_press(client, db) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE cashier_web_store RENAME TO elsewhere")
    try:
        answer = client.get("/readyz")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO cashier_web_store")

    assert (answer.status_code, answer.content) == (200, b"ready\n")


def test_presses_are_counted_by_their_outcome(client, store, environment) -> None:
    called, refused, unreachable = (f'cashier_presses_total{{outcome="{each}"}}' for each in OUTCOMES)
    before = [figure(client, name) for name in (called, refused, unreachable)]
    press(client)
    client.post("/cashier_action", {"cashier": "99", "language": "en"})
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    press(client)
    after = [figure(client, name) for name in (called, refused, unreachable)]

    assert [later - earlier for earlier, later in zip(before, after, strict=True)] == [1, 1, 1]


def test_a_press_and_a_refusal_are_one_log_line_each(client, store, log_lines) -> None:
    press(client, **{"X-Request-ID": "a" * 32})
    client.post("/cashier_action", {"cashier": "99", "language": "en"})
    called, refused = log_lines()

    keys = ("event", "store", "till", "outcome", "request_id")
    assert [called[key] for key in keys] == ["press", "default", 4, "called", "a" * 32]
    keys = ("event", "status", "reason", "request_id")
    assert [refused[key] for key in keys] == ["refused", 400, "This store has no till 99.", ""]


def test_a_request_id_is_forgotten_when_its_request_has_ended(client, store, log_lines) -> None:
    press(client, **{"X-Request-ID": "a" * 32})
    logging.getLogger("cashier_web").info("logged by a thread that serves no request")

    assert "request_id" in log_lines()[0]
    assert "request_id" not in log_lines()[-1]


def test_the_json_format_writes_one_object_per_event_with_its_traceback_inside(capsys) -> None:
    handler = logging.StreamHandler()
    options = dict(logs.formatter("json"))
    handler.setFormatter(options.pop("()")(**options))
    with closing(handler):
        record = logging.LogRecord("cashier", logging.INFO, "", 0, "press %s", ("4",), None)
        record.store = "default"
        line = json.loads(handler.format(record))
        try:
            raise ValueError("two\nlines")
        except ValueError as fault:
            record.exc_info = (type(fault), fault, fault.__traceback__)
        with_traceback = handler.format(record)

    assert {"event": "press 4", "store": "default", "level": "info", "logger": "cashier"}.items() <= line.items()
    assert "\n" not in with_traceback
    assert "ValueError" in json.loads(with_traceback)["exception"]


def test_a_press_that_nginx_sends_twice_is_one_call_with_one_receipt(client, store, redis) -> None:
    first = press(client, **{"X-Request-ID": "b" * 32})
    again = press(client, **{"X-Request-ID": "b" * 32})

    assert first["HX-Trigger"] == again["HX-Trigger"]
    assert redis.hget("cashier:{default}:store", "seq") == b"1"


def test_a_request_id_that_is_not_nginxs_is_ignored(client, store, redis) -> None:
    for _ in range(2):
        press(client, **{"X-Request-ID": "{default}:store"})

    assert redis.hget("cashier:{default}:store", "seq") == b"2"


def test_without_the_database_a_press_is_refused_with_a_reason_and_no_traceback_is_logged(
    client, monkeypatch, records
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OperationalError("server closed the connection\n\tunexpectedly")

    # Redis has no document of the store yet, so the store must be read from the database.
    monkeypatch.setattr(lookup, "read_documents", fail)
    answer = press(client)

    assert answer.status_code == 503
    assert "the database cannot be reached at the moment" in answer.content.decode()
    assert not any(record.exc_info for record in records())


def test_without_the_database_a_page_reloads_itself(client, monkeypatch, db) -> None:
    def fail(*args, **options):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("cashier_web.screens.identity.paired_screen_of", fail)
    for page in ("/", "/pair"):
        answer = client.get(page)
        assert answer.status_code == 503
        assert 5 <= int(answer["Refresh"]) <= 15
    assert "Refresh" not in client.post("/cashier_action")


def test_without_redis_the_metrics_are_still_served(client, environment) -> None:
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")

    assert "cashier_presses_total" in client.get("/metrics").content.decode()


def test_the_metrics_contain_the_version(client, store) -> None:
    lines = client.get("/metrics").content.decode().splitlines()

    assert f'cashier_build_info{{version="{__version__}"}} 1.0' in lines
