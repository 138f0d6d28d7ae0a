"""`PlainScreen` sends frames to a screen behind an ASGI server without the extension `cashier.frame`.

A slow screen gets only the newest frame, and a stuck screen is closed.
"""

import asyncio

import pytest

from cashier_ws.boards.frames import Frame
from cashier_ws.boards.heartbeats import HEARTBEAT
from cashier_ws.boards.reports import Reporter
from cashier_ws.screens import PlainScreen

pytestmark = pytest.mark.anyio


async def test_while_a_send_waits_only_the_newest_frame_is_kept() -> None:
    sent, started, gate, done = [], asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def send(text: str) -> None:
        sent.append(text)
        started.set()
        await gate.wait()
        if text == "fourth":
            done.set()

    screen = PlainScreen(send, send, 5, Reporter("", 0.0))
    screen.send(Frame.prepare("first"))
    await started.wait()
    for text in ("second", "third", "fourth"):
        screen.send(Frame.prepare(text))
    gate.set()
    async with asyncio.timeout(5):
        await done.wait()
    screen.close()

    assert sent == ["first", "fourth"]


async def test_a_heartbeat_does_not_replace_a_repaint_that_waits() -> None:
    sent, started, gate, done = [], asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def send(text: str) -> None:
        sent.append(text)
        started.set()
        await gate.wait()
        if len(sent) == 2:
            done.set()

    screen = PlainScreen(send, send, 5, Reporter("", 0.0))
    screen.send_if_clear(HEARTBEAT)
    await started.wait()
    screen.send(Frame.prepare("repaint"))
    screen.send_if_clear(HEARTBEAT)
    gate.set()
    async with asyncio.timeout(5):
        await done.wait()
    screen.close()

    assert sent == ["pong", "repaint"]


async def test_a_screen_that_gives_up_can_still_send_its_close() -> None:
    closed = asyncio.Event()

    async def send(text: str) -> None:
        await asyncio.Event().wait()

    async def give_up() -> None:
        # When a replica gives up a stuck screen, it calls the screen's `close`. This function does the same.
        screen.close()
        await asyncio.sleep(0)
        closed.set()

    screen = PlainScreen(send, give_up, 0.05, Reporter("", 0.0))
    screen.send(Frame.prepare("never accepted"))
    async with asyncio.timeout(5):
        await closed.wait()

    assert closed.is_set()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536])
async def test_a_frame_is_one_unmasked_text_frame_of_any_size(size) -> None:
    frame = Frame.prepare("x" * size).data
    length = {1: frame[1:2], 126: frame[2:4], 127: frame[2:10]}[frame[1] if frame[1] > 125 else 1]

    assert frame[0] == 0x81
    assert not frame[1] & 0x80
    assert int.from_bytes(length, "big") == size
    assert frame.endswith(b"x" * size)
    assert len(frame) - size == {1: 2, 2: 4, 8: 10}[len(length)]
