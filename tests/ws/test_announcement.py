"""The Lua script publishes a call in the format of the channel layer, so that any consumer can receive it."""

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis import Redis

from cashier_core.events import GROUP, PREFIX, REDIS_CHANNEL
from loadtests.clients.asyncio_screen import open_screen
from tests.support.ws_server import path_of

pytestmark = pytest.mark.anyio


async def test_a_press_is_received_through_the_stock_channel_layer(valkey, store, press) -> None:
    layer = RedisPubSubChannelLayer(hosts=[valkey.url], prefix=PREFIX)
    channel = await layer.new_channel()
    await layer.group_add(GROUP, channel)
    press(4, hold_ms=3000, language="fr")
    message = await layer.receive(channel)
    await layer.flush()

    assert message["type"] == "cashier.message"
    assert (message["num_cashier"], message["language"], message["seq"]) == (4, "fr", 1)
    assert (message["starts_in_ms"], message["hold_ms"]) == (0, 3000)


async def test_the_stock_channel_layer_publishes_on_the_redis_channel_of_the_script(valkey) -> None:
    layer = RedisPubSubChannelLayer(hosts=[valkey.url], prefix=PREFIX)

    assert layer._get_group_channel_name(GROUP) == REDIS_CHANNEL


@pytest.mark.parametrize("garbage", [b"", b"\xc1", b"\x01", b"text", b"\x81\xa4type\xc0"])
async def test_a_replica_ignores_bytes_that_are_not_a_message_and_shows_the_next_call(
    shared_server, valkey, store, press, garbage
) -> None:
    screen = await open_screen(shared_server.url, path_of(store))
    await screen.until(1, 5)
    with Redis.from_url(valkey.url) as redis:
        redis.publish(REDIS_CHANNEL, garbage)
    press(4, hold_ms=300)
    await screen.until(3, 5)

    assert [paint.till for paint in screen.painted] == [0, 4, 0]
    screen.close()


@pytest.mark.parametrize("message", [{"type": "cashier.message"}, {"type": "other"}, {"no": "type"}])
async def test_a_foreign_message_on_the_channel_layer_is_ignored(server, valkey, store, press, message) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    layer = RedisPubSubChannelLayer(hosts=[valkey.url], prefix=PREFIX)
    await layer.group_send(GROUP, message)
    press(4, hold_ms=300)
    await screen.until(3, 5)
    await layer.flush()

    assert [paint.till for paint in screen.painted] == [0, 4, 0]
    screen.close()
