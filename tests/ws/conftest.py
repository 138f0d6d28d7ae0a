"""Fixtures for tests of ws. They run a replica in Daphne or in uvicorn, and give each test its own store.

The tests need no web service, because the fixture `press` schedules calls directly in Redis.
"""

import secrets
import signal

import pytest

from cashier_core import timeline
from cashier_core.call import Policy
from cashier_core.timeline import Timeline
from tests.support.topologies import Log, Valkey
from tests.support.ws_server import SERVERS, serve


@pytest.fixture(scope="session", params=SERVERS)
def shared_server(request, valkey, tmp_path_factory):
    with serve(request.param, valkey.url, tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture
def server(shared_server):
    """A replica that many tests share. The test fails if the replica has logged a traceback during the test."""
    lines_before = len(shared_server.log.lines)
    yield shared_server
    assert not shared_server.log.has("Traceback", lines_before), "\n".join(shared_server.log.lines[lines_before:])


@pytest.fixture
def own_valkey(tmp_path):
    """A Redis server that only one test uses, and may stop."""
    server = Valkey(tmp_path, Log())
    server.start()
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def store() -> str:
    return f"store-{secrets.token_hex(4)}"


@pytest.fixture
def press(valkey, store):
    client = timeline.connect(valkey.url)
    scheduler = Timeline(client)

    def press(till, *, hold_ms=1000, policy=Policy.QUEUE, language="en", idle_language="en", label=""):
        return scheduler.press(
            store,
            till,
            language,
            idle_language=idle_language,
            hold_ms=hold_ms,
            policy=policy,
            label=label,
        )

    press.timeline = scheduler
    yield press
    client.close()
