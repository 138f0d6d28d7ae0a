"""A replica that is stopped refuses new screens, closes its screens one by one with the code 1012, and then ends."""

import asyncio
import signal
import time

import httpx
import pytest

from loadtests.clients.asyncio_screen import open_screen, open_screens
from tests.support.ws_server import path_of, serve

pytestmark = pytest.mark.anyio


async def test_screens_are_closed_with_1012_spread_over_the_drain(valkey, tmp_path, store) -> None:
    with serve("daphne", valkey.url, tmp_path, CASHIER_DRAIN_SECONDS="1") as server:
        screens = await open_screens(server.url, path_of(store), 40)
        # Usually the class `Process` starts a replica again that has ended. If `_stopping` is set, it does not.
        server._stopping.set()
        started = time.monotonic()
        server.kill(signal.SIGTERM)
        closed = []

        async def wait(screen) -> None:
            code = await screen.until_closed(10)
            closed.append((time.monotonic() - started, code, screen.reason))

        await asyncio.gather(*(wait(screen) for screen in screens))
        assert await asyncio.to_thread(server._child.wait, 10) == 0

    assert {(code, reason) for _, code, reason in closed} == {(1012, "this replica is restarting")}
    times = sorted(at for at, _, _ in closed)
    for index, at in enumerate(times):
        assert at >= index / len(screens), "the close frames must be spread evenly over the second"
    assert not server.log.has("Traceback")


async def test_a_draining_replica_is_unready_and_refuses_new_screens(valkey, tmp_path, store) -> None:
    with serve("daphne", valkey.url, tmp_path, CASHIER_DRAIN_SECONDS="2") as server:
        await open_screens(server.url, path_of(store), 2)
        server._stopping.set()
        server.kill(signal.SIGTERM)
        async with httpx.AsyncClient() as client:
            async with asyncio.timeout(10):
                while (answer := await client.get(f"{server.url}/healthz")).status_code == 200:
                    pass
        assert (answer.status_code, answer.text) == (503, "draining\n")

        with pytest.raises(ConnectionError, match="HTTP status 503"):
            await open_screen(server.url, path_of(store))
        assert not server.log.has("Traceback")


async def test_an_nginx_that_stops_lets_the_replica_close_only_its_own_screens(valkey, tmp_path, store) -> None:
    with serve("daphne", valkey.url, tmp_path, CASHIER_DRAIN_SECONDS="1") as server:
        # The addresses from which the screens connect stand for the addresses of two Nginx.
        stopping, other = "127.0.1.7", "127.0.1.8"
        closing = [await open_screen(server.url, path_of(store), source=stopping) for _ in range(20)]
        staying = [await open_screen(server.url, path_of(store), source=other) for _ in range(3)]
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(local_address=stopping)) as nginx:
            assert (await nginx.get(f"{server.url}/close-screens")).status_code == 404
            answer = await nginx.post(f"{server.url}/close-screens")
            assert (answer.status_code, answer.text) == (200, "20 screens are closed\n")
            codes = {await screen.until_closed(10) for screen in closing}
            # The replica still accepts screens, because it does not stop.
            staying.append(await open_screen(server.url, path_of(store), source=stopping))

        assert codes == {1012}
        assert [screen.closed for screen in staying] == [None] * 4
        for screen in staying:
            screen.close()


async def test_a_replica_without_screens_stops_at_once(valkey, tmp_path) -> None:
    with serve("daphne", valkey.url, tmp_path, CASHIER_DRAIN_SECONDS="30") as server:
        started = time.monotonic()
        await asyncio.to_thread(server.stop)

        assert time.monotonic() - started < 25


async def test_a_connection_that_broke_a_moment_ago_does_not_disturb_the_stop(valkey, tmp_path) -> None:
    with serve("daphne", valkey.url, tmp_path, CASHIER_DRAIN_SECONDS="0") as server:
        for path in (path_of("a"), "/ws/cashier_q", "/ws/other"):
            screen = await open_screen(server.url, path)
            screen.close()
        await asyncio.to_thread(server.stop)

        assert not server.log.has("Traceback")
        assert not server.log.has("did not stop")


async def test_other_http_requests_are_answered_without_a_traceback(server) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{server.url}/healthz")).text == "ok\n"
        assert (await client.get(f"{server.url}/")).status_code == 404
        assert (await client.post(f"{server.url}/ws/cashier_q", content=b"x")).status_code == 404
