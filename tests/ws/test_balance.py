"""Replicas distribute their screens evenly, a few at a time, and interrupt no call."""

import asyncio

import pytest
from redis.asyncio import Redis

from cashier_ws.boards import balance
from cashier_ws.boards.balance import MOVED_AT_ONCE, Balance, excess
from loadtests.clients.asyncio_screen import open_screen
from tests.support.ws_server import path_of, serve

pytestmark = pytest.mark.anyio
NGINX, OTHER_NGINX = "10.0.0.1", "10.0.0.2"


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        ({NGINX: 100}, [], {}),
        ({NGINX: 100}, [{NGINX: 100}, {NGINX: 90}], {}),
        ({NGINX: 100}, [{NGINX: 0}], {NGINX: 40}),
        ({NGINX: 100}, [{}], {NGINX: 40}),
        ({NGINX: 100, OTHER_NGINX: 30}, [{NGINX: 100, OTHER_NGINX: 100}, {}], {NGINX: 22}),
        ({NGINX: 6}, [{}, {}], {}),
        ({}, [{NGINX: 100}], {}),
    ],
)
def test_a_replica_has_too_many_connections_of_a_proxy_if_the_others_have_clearly_fewer(own, others, expected) -> None:
    assert excess(own, others) == expected


class FakeScreen:
    """A screen that only counts how often it is moved. The real one is in the last test."""

    def __init__(self, *, shows_no_call: bool = True) -> None:
        self.shows_no_call, self.moves = shows_no_call, 0

    async def move(self) -> None:
        self.moves += 1


@pytest.fixture
async def replicas(valkey, store, monkeypatch):
    """Return two balances with the same Redis. The second one has no screens."""
    monkeypatch.setattr(balance, "PERIOD_SECONDS", 0.1)
    monkeypatch.setattr(balance, "KEY", f"cashier:screens:balance-of-{store}")
    async with Redis.from_url(valkey.ws_url) as redis:
        yield Balance(redis, "a"), Balance(redis, "b")


def fill(replica: Balance, count: int, **options: bool) -> list[FakeScreen]:
    screens = [FakeScreen(**options) for _ in range(count)]
    for screen in screens:
        replica.join(NGINX, screen)
    return screens


async def test_only_a_few_screens_are_moved_at_once_and_only_if_the_surplus_lasts(replicas) -> None:
    full, empty = replicas
    screens = fill(full, 400)
    moves = []
    for _ in range(2):
        await empty.step()
        await full.step()
        moves.append(sum(screen.moves for screen in screens))

    assert moves == [0, MOVED_AT_ONCE]


async def test_a_screen_that_shows_a_call_is_not_moved(replicas) -> None:
    full, empty = replicas
    screens = fill(full, 400, shows_no_call=False)
    for _ in range(3):
        await empty.step()
        await full.step()

    assert sum(screen.moves for screen in screens) == 0


async def test_if_moved_screens_come_back_they_are_moved_ever_more_rarely(replicas) -> None:
    full, empty = replicas
    screens = fill(full, 100)
    moves = []
    for _ in range(12):
        before = sum(screen.moves for screen in screens)
        await empty.step()
        await full.step()
        moves.append(sum(screen.moves for screen in screens) > before)

    assert moves == [False, True, False, True, False, False, False, True, *[False] * 4]


async def test_the_numbers_of_a_replica_that_is_gone_are_forgotten(replicas, monkeypatch) -> None:
    full, gone = replicas
    monkeypatch.setattr(balance, "LIFETIME_SECONDS", -1)
    screens = fill(full, 100)
    for _ in range(3):
        await gone.step()
        await full.step()

    assert sum(screen.moves for screen in screens) == 0


class Wall:
    """A screen that connects to one replica, and to the other one when its connection is closed, as Nginx chooses."""

    def __init__(self, urls: list[str], path: str) -> None:
        self._urls, self._path = urls, path
        self.codes: list[int] = []

    async def show(self) -> None:
        """Be connected to the first replica until this connection is closed, and then to the second one."""
        screen = await open_screen(self._urls[0], self._path)
        self.codes.append(await screen.until_closed(3600))
        screen = await open_screen(self._urls[1], self._path)
        screen.close()


async def test_a_replica_that_has_just_started_gets_screens_from_the_other_one(valkey, tmp_path, store, press) -> None:
    with (
        serve("daphne", valkey.url, tmp_path) as first,
        serve("daphne", valkey.url, tmp_path) as second,
    ):
        urls = [first.url, second.url]
        calling, idle = ([Wall(urls, path_of(each)) for _ in range(30)] for each in (store, f"{store}-idle"))
        press(4, hold_ms=60_000)
        shown = [asyncio.create_task(wall.show()) for wall in [*calling, *idle]]
        # 30 of the 60 screens are half of them, and 38 are tolerated. The replicas compare their numbers every 10 s.
        moved = asyncio.as_completed(shown, timeout=60)
        for _ in range(10):
            await next(moved)
        for task in shown:
            task.cancel()

    assert all(not wall.codes for wall in calling)
    assert {code for wall in idle for code in wall.codes} == {1012}
