"""A revoked screen is closed within seconds and cannot connect again; other screens are not affected."""

import pytest
from redis import Redis

from cashier_core.revocations import Revocations
from loadtests.clients.asyncio_screen import open_screen
from tests.support.ws_server import path_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def revocations(valkey):
    with Redis.from_url(valkey.url) as client:
        yield Revocations(client)
        client.delete("cashier:revoked")


async def test_a_revoked_screen_is_closed_with_4410_and_others_stay(server, store, press, revocations) -> None:
    revoked, again = [await open_screen(server.url, path_of(store, credential_id="7.1")) for _ in range(2)]
    other, moved, unpaired = [
        await open_screen(server.url, path)
        for path in (path_of(store, credential_id="8.1"), path_of(store, credential_id="7.2"), path_of(store))
    ]
    for screen in (revoked, again, other, moved, unpaired):
        await screen.until(1, 5)
    revocations.add(["7.1"])

    assert [await screen.until_closed(5) for screen in (revoked, again)] == [4410, 4410]
    press(4)
    for screen in (other, moved, unpaired):
        await screen.until(2, 5)
        assert screen.painted[1].till == 4
        screen.close()


async def test_a_revoked_screen_is_refused_until_the_revocation_is_removed(server, store, revocations) -> None:
    screen = await open_screen(server.url, path_of(store, credential_id="7.1"))
    revocations.add(["7.1"])
    assert await screen.until_closed(5) == 4410
    back = await open_screen(server.url, path_of(store, credential_id="7.1"))
    assert await back.until_closed(5) == 4410

    revocations.replace({"7.1"}, set())
    for _ in range(20):
        back = await open_screen(server.url, path_of(store, credential_id="7.1"))
        if not (closed := await is_closed(back)):
            break
    assert not closed
    back.close()


async def is_closed(screen) -> bool:
    """Wait until the screen is painted or closed. Returns True if the screen was closed."""
    try:
        await screen.until(1, 5)
    except (ConnectionError, AssertionError):
        return True
    return False


async def test_an_expired_ticket_has_another_code_than_a_forged_one(server, store) -> None:
    screen = await open_screen(server.url, path_of(store, credential_id="7.1", now=1_000_000_000))

    assert await screen.until_closed(5) == 4410


async def test_a_ticket_of_another_store_is_refused(server, store) -> None:
    stolen = path_of(store, credential_id="7.1").replace(f"/{store}?", "/another-store?")
    screen = await open_screen(server.url, stolen)

    assert await screen.until_closed(5) == 4403
