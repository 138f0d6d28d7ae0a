"""ws replicas are added, removed and killed while screens are connected and tills press."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from loadtests.clients.asyncio_screen import open_screens
from loadtests.clients.reconnecting_screen import ReconnectingScreen
from loadtests.clients.till import Till
from tests.support.compose_load import opened, until
from tests.support.compose_stack import Failed, docker

pytestmark = pytest.mark.anyio


async def test_new_replicas_get_new_screens_within_5_seconds_and_one_press_reaches_all(stack, replicas) -> None:
    old = replicas(2)
    async with Till(stack.url) as till:
        path = await till.websocket_path()
        async with opened(stack.url, path, 40) as screens:
            new = sorted(set(await asyncio.to_thread(replicas, 4)) - set(old))
            scaled = time.monotonic()
            while not all(stack.figure(ws, 9000, "cashier_screens") for ws in new):
                assert time.monotonic() - scaled < 5, "a new replica has no screen 5 s after `make scale` returned"
                screens.extend(await open_screens(stack.url, path, 2))
            await until(lambda: not any(screen.painted[-1].till for screen in screens), 10, "no call is shown")
            paints_before = [len(screen.painted) for screen in screens]
            assert (await till.press(4)).status_code == 204
            await asyncio.gather(
                *(screen.until(count + 2, 10) for screen, count in zip(screens, paints_before, strict=True))
            )

            per_replica = [stack.figure(ws, 9000, "cashier_screens") for ws in stack.containers("ws")]
            assert len(per_replica) == 4
            assert sum(per_replica) == len(screens)
            for screen, count in zip(screens, paints_before, strict=True):
                assert [paint.till for paint in screen.painted[count - 1 :]] == [0, 4, 0]
    print(f"screens on each replica: {per_replica}")


async def test_make_scale_sets_the_number_of_replicas_for_every_later_make_up(stack) -> None:
    env = stack.compose_folder / ".env"
    env.chmod(0o600)
    stack.make("down")
    output = stack.make("scale", "WS=3")
    assert "make up will start 3" in output
    assert stack.compose("ps", "--all", "--quiet") == "", "make scale has started a container"
    stack.make("up")
    assert len(stack.containers("ws")) == 3

    stack.make("scale", "WS=2")
    before = sorted(stack.compose("ps", "--quiet").split())
    stack.make("up")
    assert len(stack.containers("ws")) == 2
    assert sorted(stack.compose("ps", "--quiet").split()) == before, "make up has replaced a container"
    assert env.stat().st_mode & 0o777 == 0o600


async def test_make_scale_uses_the_compose_file_of_the_version_that_runs_and_removes_replicas_that_do_not_start(
    stack, replicas
) -> None:
    """After a `git pull`, compose.yaml may not fit the images that still run. Here, its replicas do not start."""
    before = set(replicas(2))
    env = (stack.compose_folder / ".env").read_text()
    new, current = (stack.compose_folder / name for name in ("compose.yaml", "compose.current.yaml"))
    good = {file: file.read_text() for file in (new, current)}
    broken = good[new].replace("\n  ws:\n", '\n  ws:\n    command: ["false"]\n')
    assert broken != good[new]
    try:
        new.write_text(broken)
        stack.make("scale", "WS=3")
        assert len(stack.containers("ws")) == 3
        assert stack.is_healthy()
        stack.make("scale", "WS=2")

        current.write_text(broken)
        with pytest.raises(Failed, match="with 3 replicas, ws did not become healthy"):
            stack.make("scale", "WS=3")
        assert set(stack.compose("ps", "--all", "--quiet", "ws").split()) == before
        assert "CASHIER_WS_REPLICAS=2\n" in (stack.compose_folder / ".env").read_text()
    finally:
        for file, text in good.items():
            file.write_text(text)
        (stack.compose_folder / ".env").write_text(env)
    assert stack.is_healthy()


async def test_100_screens_of_a_killed_replica_are_back_within_5_seconds_and_show_the_call_made_meanwhile(
    stack, replicas
) -> None:
    killed_replica, _other = replicas(2)
    async with Till(stack.url) as till:
        path = await till.websocket_path()
        async with AsyncExitStack() as to_stop:
            screens: list[ReconnectingScreen] = []
            while stack.figure(killed_replica, 9000, "cashier_screens") < 100:
                assert len(screens) < 1000, "Nginx sends hardly any screens to one of the replicas"
                for _ in range(20):
                    screens.append(ReconnectingScreen(stack.url, path, "default"))
                    await screens[-1].start()
                    to_stop.push_async_callback(screens[-1].stop)
            await asyncio.to_thread(docker, "kill", "--signal", "KILL", killed_replica)
            killed = time.monotonic()
            pressed = time.monotonic()
            assert (await till.press(4)).status_code == 204
            called = time.monotonic()
            await until(lambda: all(screen.connected for screen in screens), 10, "all screens are connected again")
            seconds_until_back = time.monotonic() - killed
            call_ends = pressed + 3
            await asyncio.sleep(call_ends + 0.5 - time.monotonic())

            moved = [screen for screen in screens if len(screen.connections) > 1]
            assert len(moved) >= 100
            assert seconds_until_back < 5
            late = [
                screen.connections[-1] for screen in moved if called < screen.connections[-1].opened < call_ends - 0.3
            ]
            assert late, "no screen reconnected during the call"
            for connection in late:
                numbers = [paint.till for paint in connection.painted]
                # A press may be answered before the remaining replica has learnt of the call. So on a busy machine, a
                # screen that reconnects right after the answer may show "Please wait" first.
                assert numbers == [4, 0] or (numbers == [0, 4, 0] and connection.opened < called + 0.5)
                assert connection.painted[-1].at == pytest.approx(call_ends, abs=0.3)
            for screen in screens:
                assert screen.connections[-1].painted[-1].till == 0
    print(f"{len(moved)} screens were back within {seconds_until_back:.1f} s, {len(late)} of them during the call")
    stack.reconcile()
    assert len(stack.containers("ws")) == 2
