"""A press is answered whatever strangers do to other pages.

Presses have their own worker processes, and Nginx does not read large requests of strangers.
"""

import asyncio
import signal
import socket

import httpx
import psutil
import pytest

from cashier_local.ports import wait_until
from loadtests.clients.asyncio_screen import open_screen
from loadtests.clients.till import Till
from tests.support.topologies import add_store

pytestmark = pytest.mark.anyio


def signal_all(topology, name: str, signum: int) -> None:
    """Send a signal to a process of the topology and to all its children."""
    parent = psutil.Process(topology.processes[name].pid)
    for process in (parent, *parent.children(recursive=True)):
        process.send_signal(signum)


async def test_presses_are_called_while_the_worker_processes_for_pages_are_stopped(own_topology) -> None:
    async with Till(own_topology.url, add_store(own_topology)) as till:
        screen = await open_screen(own_topology.url, await till.websocket_path())
        signal_all(own_topology, "web", signal.SIGSTOP)
        try:
            answers = [await till.press(number) for number in (1, 2, 3)]
            await screen.until(5, 20)
        finally:
            signal_all(own_topology, "web", signal.SIGCONT)

        assert {answer.status_code for answer in answers} == {204}
        assert [paint.till for paint in screen.painted] == [0, 1, 2, 3, 0]
        screen.close()


async def test_a_press_of_a_device_is_called_while_the_worker_processes_for_pages_are_stopped(own_topology) -> None:
    (token,) = own_topology.shell.call("add_devices", store=add_store(own_topology), till=1)
    signal_all(own_topology, "web", signal.SIGSTOP)
    try:
        async with httpx.AsyncClient(base_url=own_topology.url) as device:
            answer = await device.post(f"/api/v1/press?token={token}")
    finally:
        signal_all(own_topology, "web", signal.SIGCONT)

    assert answer.status_code == 201


def answer_to(topology, request: str) -> str:
    """Send the bytes of an incomplete request, and return the answer."""
    with socket.create_connection(("127.0.0.1", topology.port), timeout=20) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode())
        return connection.recv(4096).decode()


@pytest.mark.parametrize(
    "path", ["/media", "/logo", "/s/some-store/media", "/admin/", "/admin/cashier_web/store/import/"]
)
def test_the_body_of_an_upload_of_a_stranger_is_not_read(topology, path) -> None:
    head = f"POST {path} HTTP/1.1\nHost: 127.0.0.1:{topology.port}\nConnection: close\n"

    for body in ("Content-Length: 1900000\n\n", "Transfer-Encoding: chunked\n\n"):
        answer = answer_to(topology, head + body)
        assert answer.startswith("HTTP/1.1 303 ")
        assert f"Location: /sign_in?next={path}\r\n" in answer


def test_a_client_that_sends_only_half_of_a_request_is_disconnected(topology) -> None:
    with socket.create_connection(("127.0.0.1", topology.port), timeout=30) as connection:
        connection.sendall(b"GET /sign_in HTTP/1.1\r\nHost: ")

        assert connection.recv(1000) == b""


async def test_many_pages_for_one_address_are_delayed_and_not_refused(topology) -> None:
    """200 requests are answered at once, and the next 100 requests at a rate of 50 per second."""
    limits = httpx.Limits(max_connections=300)
    async with httpx.AsyncClient(base_url=topology.url, limits=limits, timeout=60) as client:
        answers = await asyncio.gather(*(client.get("/sign_in") for _ in range(300)))

    assert {answer.status_code for answer in answers} == {200}


def test_the_periodic_tasks_run_in_a_process_of_their_own(own_topology) -> None:
    url = f"http://127.0.0.1:{own_topology.tasks_port}"
    store = add_store(own_topology)
    tasks = own_topology.processes["tasks"]
    tasks.stop()
    own_topology.shell.call("press", store=store, till=4)
    assert own_topology.shell.call("count_past_calls", store=store) == 0

    tasks.start()
    wait_until(lambda: own_topology.shell.call("count_past_calls", store=store) == 1, 30, "the call is in the database")
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert httpx.get(f"{url}/admin/").status_code == 404
