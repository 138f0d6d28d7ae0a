"""Bad input that comes through Nginx is refused with a reason, and changes nothing on any screen.

Requests are answered with a 4xx status, and websockets are closed with a close code.
"""

import asyncio

import httpx
import pytest

from cashier_core.idle import Idle
from cashier_core.tickets import Ticket
from loadtests.clients.asyncio_screen import open_screen
from loadtests.clients.till import Till

pytestmark = pytest.mark.anyio

ATTEMPTS = 5
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def bystander(topology, make_store):
    """A screen that the bad input of the test must not change. `bystander.till` is a till of the same store."""
    async with Till(topology.url, make_store()) as till:
        screen = await open_screen(topology.url, await till.websocket_path())
        await screen.until(1, 5)
        screen.till = till
        yield screen
        # After each test, a valid press calls till 3. `painted` contains all texts that the screen has shown. If the
        # bad input had changed the screen, `painted` would contain more than the idle text and till 3.
        assert (await till.press(3)).status_code == 204
        await screen.until(2, 5)
        assert [paint.till for paint in screen.painted] == [0, 3]
        assert screen.painted[1].seq == 1
        screen.close()


BAD_TILLS = ["", "0", "-1", "5", "1.5", "+1", "1e3", "٤", "1" * 5000, "\0", " 4", "four"]


@pytest.mark.parametrize("cashier", BAD_TILLS, ids=[repr(till)[:12] for till in BAD_TILLS])
async def test_a_press_with_a_bad_till_is_refused(bystander, cashier) -> None:
    answer = await bystander.till.press(cashier)

    assert answer.status_code == 400
    assert "till" in answer.text


async def test_a_press_without_a_till_is_refused(bystander) -> None:
    answer = await bystander.till._post("cashier_action", {"language": "en"})

    assert (answer.status_code, answer.text) == (400, "The request contains no till.\n")


@pytest.mark.parametrize("language", ["", "xx", "en-GB", "\0"])
async def test_an_unknown_language_is_refused(bystander, language) -> None:
    press, change = await bystander.till.press(4, language), await bystander.till.set_language(language)

    assert (press.status_code, change.status_code) == (400, 400)
    assert "anguage" in press.text


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("multipart/form-data", b"no boundary", 400),
        # The body is broken, so Django cannot find the CSRF token in it and answers with the status 403.
        ("multipart/form-data; boundary=x", b"--x\r\nbroken", 403),
        (f"{FORM}; charset=utf-16", b"cashier=4", 400),
        ("application/json", b'{"cashier": 4}', 403),
        (FORM, b"%" * 2000, 403),
        (FORM, b"cashier=" + b"4" * 20_000, 413),
    ],
)
async def test_an_unreadable_body_is_refused(bystander, content_type, body, status) -> None:
    till = bystander.till
    url = f"{till._base}cashier_action"
    answer = await till._client.post(url, content=body, headers={"Content-Type": content_type})

    assert answer.status_code == status
    assert answer.text


async def test_a_press_by_get_is_refused(bystander) -> None:
    answer = await bystander.till._client.get(f"{bystander.till._base}cashier_action")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"


async def test_a_press_without_a_csrf_token_is_refused(bystander) -> None:
    url = f"{bystander.till._base}cashier_action"
    async with httpx.AsyncClient() as stranger:
        answer = await stranger.post(url, data={"cashier": "4", "language": "en"})

    assert (answer.status_code, answer.text) == (403, "This page is out of date. Reload it.\n")


async def test_a_press_from_a_page_of_another_site_is_refused(bystander) -> None:
    till = bystander.till
    fields = {"cashier": "4", "language": "en", "csrfmiddlewaretoken": till._token}
    headers = {"Origin": "https://evil.example"}
    answer = await till._client.post(f"{till._base}cashier_action", data=fields, headers=headers)

    assert answer.status_code == 403


async def test_an_unknown_store_has_no_page_and_no_websocket(topology, bystander) -> None:
    async with httpx.AsyncClient(base_url=topology.url) as client:
        pages = [await client.get(page) for page in ("/s/nowhere/", "/s/nowhere/cashier_buttons", "/s/../x", "/no")]
    screen = await open_screen(topology.url, "/ws/cashier_q/nowhere")

    assert [page.status_code for page in pages] == [404] * 4
    assert all("no such page or store" in page.text for page in pages)
    assert await screen.until_closed(5) == 4401


async def test_a_screen_with_a_bad_ticket_or_origin_is_refused(topology, bystander) -> None:
    path = await bystander.till.websocket_path()
    store = path.split("?")[0]
    forged = f"{store}?ticket={Ticket('default', Idle('en')).sign('not the key ' * 4)}"
    for address, origin, code in (
        (store, None, 4401),
        (forged, None, 4403),
        (path.replace(store, "/ws/cashier_q"), None, 4403),
        (path, "https://evil.example", 4403),
        (path, "", 4403),
        ("/ws/elsewhere", None, 4404),
    ):
        screen = await open_screen(topology.url, address, origin=origin)
        assert await screen.until_closed(5) == code
        assert screen.reason
        assert screen.painted == []


@pytest.mark.parametrize(
    ("opcode", "payload", "code"), [(2, b"\0\1", 1003), (1, b"x" * 5000, 1009), (1, b"\xff", 1007), (5, b"", 1002)]
)
async def test_a_frame_that_no_screen_sends_closes_the_websocket(topology, bystander, opcode, payload, code) -> None:
    codes = []
    # If the replica has not read all bytes of the client when it closes the connection, TCP resets the connection. The
    # client may then lose the close frame (1006).
    for _ in range(ATTEMPTS):
        screen = await open_screen(topology.url, await bystander.till.websocket_path())
        await screen.until(1, 5)
        screen.send(opcode, payload)
        codes.append(await screen.until_closed(5))
        if codes[-1] != 1006:
            break

    assert codes[-1] == code
    assert screen.reason


async def test_too_many_frames_close_the_websocket_whatever_is_in_them(topology, bystander) -> None:
    screen = await open_screen(topology.url, await bystander.till.websocket_path())
    await screen.until(1, 5)
    for garbage in (b"", b"{", b'{"type": "cashier.message", "num_cashier": 4}', b"<div id=message>", b"\0"):
        screen.send(1, garbage)
    for _ in range(20):
        screen.send(1, b"more")

    assert await screen.until_closed(5) == 1008
    assert screen.reason == "too many frames"


async def test_a_request_that_ends_in_the_middle_of_its_body_calls_nobody(topology, bystander) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", topology.port)
    head = f"POST /cashier_action HTTP/1.1\r\nHost: 127.0.0.1:{topology.port}\r\nContent-Type: {FORM}\r\n"
    writer.write(f"{head}Content-Length: 100\r\n\r\ncashier=4".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
