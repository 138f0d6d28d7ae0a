"""A replica tells the status of each paired screen: whether its page reports, and what, and why it has closed."""

import asyncio
import json
import signal
import time
from collections.abc import Callable

import pytest
from redis import Redis

from cashier_core.screen_status import REPLICAS_KEY, Link, PageState, ScreenStatus, Sound, Statuses, read_statuses
from cashier_ws.boards.reports import Reporter
from cashier_ws.boards.revocation import PairedScreens
from cashier_ws.boards.screen_statuses import CLOSED_SECONDS, SILENT_SECONDS, ScreenStatuses
from loadtests.clients.asyncio_screen import open_screen
from loadtests.clients.websocket_frames import TEXT
from tests.support.ws_server import SERVERS, figures, path_of, serve

pytestmark = pytest.mark.anyio

SHOWING = PageState(True, True, Sound.ON, "ab12cd34", 1920, 1080, "Chrome 142")
HIDDEN = SHOWING._replace(is_visible=False)


class Consumer:
    """The consumer of a paired screen, which has connected at the time 0."""

    def __init__(self, credential_id: str) -> None:
        self.reporter = Reporter(credential_id, 0.0)

    async def revoke(self) -> None:
        pass


class Replica:
    """The statuses of a replica, without a server."""

    def __init__(self) -> None:
        self.paired_screens = PairedScreens()
        self.statuses = ScreenStatuses(self.paired_screens)

    def connect(self, credential_id: str = "7.1", at: float = 0.0) -> Consumer:
        consumer = Consumer(credential_id)
        consumer.reporter.page_at = at
        self.paired_screens.join(credential_id, consumer)
        self.statuses.join(consumer.reporter)
        return consumer

    def close(self, consumer: Consumer, close_code: int, at: float) -> None:
        self.paired_screens.leave(consumer.reporter.credential_id, consumer)
        self.statuses.leave(consumer.reporter, close_code, at)


@pytest.fixture
def replica() -> Replica:
    return Replica()


def changes(replica: Replica, now: float) -> dict[str, ScreenStatus]:
    """Return the statuses that have changed, without the time of a close, which is a time of the computer's clock."""
    changed, _removed = replica.statuses.take_changes(now)
    return {credential_id: status._replace(closed_at=0.0) for credential_id, status in changed.items()}


def test_a_screen_is_new_until_its_page_has_reported(replica) -> None:
    screen = replica.connect()
    assert changes(replica, 1.0) == {"7.1": ScreenStatus(Link.NEW)}
    assert changes(replica, 2.0) == {}
    replica.statuses.note_page(screen.reporter, SHOWING, 3.0)

    assert changes(replica, 4.0) == {"7.1": ScreenStatus(Link.REPORTING, SHOWING)}


def test_only_a_report_that_differs_from_the_last_one_is_a_change(replica) -> None:
    screen = replica.connect()
    found = []
    for at, page in ((3.0, SHOWING), (63.0, SHOWING), (70.0, HIDDEN)):
        replica.statuses.note_page(screen.reporter, page, at)
        found.append(changes(replica, at + 1))

    assert found == [{"7.1": ScreenStatus(Link.REPORTING, page)} if page else {} for page in (SHOWING, None, HIDDEN)]


def test_a_page_that_stops_to_report_is_silent_until_it_reports_again(replica) -> None:
    screen = replica.connect()
    replica.statuses.note_page(screen.reporter, SHOWING, 10.0)
    changes(replica, 11.0)
    silent_at = 10 + SILENT_SECONDS

    assert changes(replica, silent_at - 1) == {}
    assert changes(replica, silent_at + 1) == {"7.1": ScreenStatus(Link.SILENT)}
    assert changes(replica, silent_at + 2) == {}
    replica.statuses.note_page(screen.reporter, SHOWING, silent_at + 3)
    assert changes(replica, silent_at + 4) == {"7.1": ScreenStatus(Link.REPORTING, SHOWING)}


def test_a_page_that_never_reports_its_state_cannot_report(replica) -> None:
    replica.connect()
    changes(replica, 1.0)

    assert changes(replica, SILENT_SECONDS + 1) == {"7.1": ScreenStatus(Link.UNABLE)}


def test_the_close_code_of_a_screen_is_told_for_a_while() -> None:
    replica = Replica()
    screen = replica.connect()
    replica.close(screen, 4000, 5.0)

    assert changes(replica, 6.0) == {"7.1": ScreenStatus(Link.CLOSED, close_code=4000)}
    assert replica.statuses.snapshot(6.0)["7.1"].closed_at == pytest.approx(time.time() - 1, abs=60)
    assert replica.statuses.take_changes(4 + CLOSED_SECONDS) == ({}, [])
    assert replica.statuses.take_changes(6 + CLOSED_SECONDS) == ({}, ["7.1"])
    assert replica.statuses.snapshot(6 + CLOSED_SECONDS) == {}


def test_a_screen_that_connects_again_is_not_removed() -> None:
    replica = Replica()
    replica.close(replica.connect(), 1006, 5.0)
    replica.connect(at=6.0)
    replica.statuses.take_changes(6.0)

    assert replica.statuses.take_changes(100.0 + CLOSED_SECONDS)[1] == []


def test_a_screen_that_connects_again_before_its_old_connection_is_closed_is_not_removed(replica) -> None:
    """A page that has noticed a dead connection does not wait until the server has noticed it, too."""
    old, new = replica.connect(), replica.connect(at=1.0)
    replica.statuses.note_page(new.reporter, SHOWING, 2.0)
    replica.close(old, 1006, 60.0)
    assert changes(replica, 61.0) == {"7.1": ScreenStatus(Link.REPORTING, SHOWING)}
    replica.statuses.note_page(new.reporter, SHOWING, 120.0)

    assert replica.statuses.take_changes(61.0 + CLOSED_SECONDS) == ({}, [])
    assert replica.statuses.snapshot(61.0 + CLOSED_SECONDS) == {"7.1": ScreenStatus(Link.REPORTING, SHOWING)}


def test_if_a_screen_has_several_connections_the_best_one_counts(replica) -> None:
    first, second = replica.connect(), replica.connect(at=1.0)
    replica.statuses.note_page(first.reporter, HIDDEN, 2.0)
    replica.statuses.note_page(second.reporter, SHOWING, 3.0)
    assert changes(replica, 3.0) == {"7.1": ScreenStatus(Link.REPORTING, SHOWING)}
    replica.close(second, 1001, 4.0)

    assert replica.statuses.snapshot(5.0) == {"7.1": ScreenStatus(Link.REPORTING, HIDDEN)}


def test_screens_that_are_not_paired_have_no_status(replica) -> None:
    reporter = Reporter("", 0.0)
    replica.statuses.join(reporter)
    replica.statuses.note_page(reporter, SHOWING, 1.0)
    replica.statuses.leave(reporter, 1001, 2.0)

    assert changes(replica, SILENT_SECONDS + 3) == {}
    assert replica.statuses.snapshot(SILENT_SECONDS + 3) == {}


async def until_in_redis(redis: Redis, condition: Callable[[Statuses], bool]) -> Statuses:
    """Wait until the statuses in Redis fulfil a condition, and return them."""
    async with asyncio.timeout(15):
        while not condition(found := await asyncio.to_thread(read_statuses, redis)):
            pass
    return found


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_replica_writes_the_statuses_of_its_screens_to_redis(own_valkey, tmp_path, store, kind) -> None:
    with Redis.from_url(own_valkey.url) as redis, serve(kind, own_valkey.url, tmp_path) as server:
        await until_in_redis(redis, lambda found: found.replicas == 1)
        paths = [path_of(store, credential_id=each) for each in ("7.1", "8.1", "")]
        reports, leaves, unpaired = [await open_screen(server.url, path) for path in paths]
        for each in (reports, unpaired):
            each.send(TEXT, json.dumps({"calls": [], "page": SHOWING}).encode())
        reporting, new = ScreenStatus(Link.REPORTING, SHOWING), ScreenStatus(Link.NEW)
        await until_in_redis(redis, lambda found: found.of_screens == {7: [reporting], 8: [new]})
        leaves.close()
        await until_in_redis(redis, lambda found: found.of_screens[8][0].link == Link.CLOSED)
        redis.flushall()
        found = await until_in_redis(redis, lambda found: len(found.of_screens) == 2)
        assert found.of_screens[7] == [reporting]

        server._stopping.set()
        server.kill(signal.SIGTERM)
        await asyncio.to_thread(server._child.wait, 10)
        assert redis.keys(f"{REPLICAS_KEY}*") == [], "a replica that ends removes its statuses"
        assert not server.log.has("Traceback"), "\n".join(server.log.lines)


BAD_PAGES = ["x", 7, [], [True] * 7, [*SHOWING, 1], dict.fromkeys("abcdefg"), [*SHOWING[:2], [], *SHOWING[3:]]]


@pytest.mark.parametrize("page", BAD_PAGES)
async def test_a_report_with_a_state_that_is_not_valid_is_refused(server, valkey, store, page) -> None:
    invalid = 'cashier_call_reports_refused_total{reason="invalid"}'
    before = (await figures(server))[invalid]
    screen = await open_screen(server.url, path_of(store, credential_id="77.1"))
    screen.send(TEXT, json.dumps({"calls": [], "page": page}).encode())
    async with asyncio.timeout(5):
        while (await figures(server))[invalid] != before + 1:
            pass
    with Redis.from_url(valkey.url) as redis:
        await until_in_redis(redis, lambda found: Link.NEW in [each.link for each in found.of_screens.get(77, [])])
    screen.close()
