"""Nginx refuses requests, or gets no answer from web. It answers with pages in the reader's language.

Pages that televisions open load themselves again until they succeed. A refused form is never sent again by itself.
"""

import asyncio
import contextlib
import random
import re
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import Page, expect

from cashier_core.call import LANGUAGES
from cashier_core.fragment import direction, please_wait
from cashier_local.ports import responds, wait_until
from tests.e2e.conftest import wait_for
from tests.e2e.test_accessibility import expect_no_violations
from tests.e2e.test_installation import IS_CACHED
from tests.support.topologies import add_store

TELEVISIONS = 200
ATTEMPTS = 10
STATIC = Path(__file__).parents[2] / "services/web/src/cashier_web/static/cashier_web"
CODE = re.compile(r'class="code" dir="ltr">(\w{3} \w{3})<')
LARGE = "a" * 40_000
"""Nginx accepts 8 KB in one header line, and 16 KB in the body of most requests."""


@contextlib.contextmanager
def flood(url: str, method: str = "GET") -> Iterator[None]:
    """Send requests without pause until Nginx refuses requests of this address, and until the block ends."""
    stop, is_refused = threading.Event(), threading.Event()

    def send() -> None:
        with httpx.Client() as client:
            while not stop.is_set():
                if client.request(method, url).status_code == 429:
                    is_refused.set()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        assert is_refused.wait(30), f"Nginx refuses no {method} {url}"
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.fixture(scope="module", autouse=True)
def low_limit(shared_topology) -> Iterator[None]:
    """Let Nginx refuse requests to /pair sooner, and without slowing down the refusals.

    With the real limit, Nginx refuses a request only if 5,000 requests are waiting.
    """
    file = shared_topology.folder / "nginx" / "nginx.conf"
    original = file.read_text()

    def use(configuration: str) -> None:
        nginx = psutil.Process(shared_topology.processes["nginx"].pid)
        old_workers = set(nginx.children())
        file.write_text(configuration)
        nginx.send_signal(signal.SIGHUP)
        wait_until(lambda: set(nginx.children()) - old_workers, 20, "Nginx has new worker processes")

    changed = original
    for text, replacement in {
        "zone=pairing:1m rate=50r/s": "zone=pairing:1m rate=20r/s",
        "zone=pairing burst=5000 delay=200": "zone=pairing burst=60 nodelay",
        "limit_rate $refusal_rate;": "",
    }.items():
        assert text in changed
        changed = changed.replace(text, replacement)
    use(changed)
    yield
    use(original)


def open_refused(page: Page, url: str) -> None:
    """Open a URL again and again until Nginx refuses it. Nginx accepts some requests even during a flood."""
    for _ in range(ATTEMPTS):
        if page.goto(url).status == 429:
            return
    raise AssertionError(f"Nginx has accepted {ATTEMPTS} requests to {url}")


def retry_seconds(page: httpx.Response) -> float:
    """Return a random time after which the page loads itself again, as the script of the page does."""
    assert "<body data-retries>" in page.text
    script = (STATIC / "error_page.js").read_text()
    assert script in page.text
    shortest, longest = (int(re.findall(rf"{name}_MS = (\d+)", script)[0]) / 1000 for name in ("SHORTEST", "LONGEST"))
    assert int(page.headers["Retry-After"]) <= shortest
    return random.uniform(shortest, longest)


def test_televisions_that_start_at_the_same_moment_all_get_a_code(topology) -> None:
    async def start_television(client: httpx.AsyncClient) -> tuple[str, int]:
        for attempt in range(30):
            # A cookie jar for each television would be slow. Without the header, the television has no cookie.
            client.cookies.clear()
            page = await client.get(f"{topology.url}/pair")
            if page.status_code == 200:
                return CODE.findall(page.text)[0], attempt
            assert (page.status_code, page.headers["Cache-Control"]) == (429, "no-store")
            await asyncio.sleep(retry_seconds(page))
        raise AssertionError("30 attempts were refused")

    async def start_all() -> list[tuple[str, int]]:
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=TELEVISIONS), timeout=30) as client:
            return await asyncio.gather(*(start_television(client) for _ in range(TELEVISIONS)))

    # Playwright, which the other tests of this module use, occupies the event loop of this thread.
    with ThreadPoolExecutor(1) as thread:
        started = thread.submit(asyncio.run, start_all()).result()

    assert len({code for code, _ in started}) == TELEVISIONS
    assert max(attempts for _, attempts in started) >= 1, "Nginx has refused no television, so nothing was tested"


def test_a_refused_page_waits_and_loads_itself_again(topology, open_page) -> None:
    television = open_page("about:blank", locale="de-AT")
    television.clock.install()
    with flood(f"{topology.url}/pair"):
        open_refused(television, f"{topology.url}/pair")
        expect(television.locator("h1")).to_have_text("Bitte warten")
        television.clock.fast_forward(4_900)
        expect(television.locator("h1")).to_have_text("Bitte warten")
    # Nginx may still refuse the first attempt after the flood.
    for _ in range(5):
        television.clock.fast_forward(15_100)
        with contextlib.suppress(AssertionError):
            expect(television.locator(".code")).to_be_visible(timeout=4_000)
            break

    expect(television.locator(".code")).to_have_text(re.compile(r"^\w{3} \w{3}$"))
    expect(television).to_have_url(f"{topology.url}/pair")


def test_a_browser_without_scripts_loads_a_refused_page_again(topology, open_page) -> None:
    television = open_page("about:blank", java_script_enabled=False)
    with flood(f"{topology.url}/pair"):
        open_refused(television, f"{topology.url}/pair")
        expect(television.locator("h1")).to_have_text("Please wait")

    expect(television.locator(".code")).to_have_text(re.compile(r"^\w{3} \w{3}$"), timeout=15_000)


def test_a_page_that_waits_stays_while_the_server_is_down(topology_to_break, open_page) -> None:
    topology = topology_to_break
    slug = add_store(topology)
    web, nginx = topology.processes["web"], topology.processes["nginx"]
    screen = open_page("about:blank")
    screen.clock.install()
    web.stop()
    screen.goto(f"{topology.url}/s/{slug}/")
    expect(screen.locator("h1")).to_have_text("Please wait")
    nginx.stop()
    for _ in range(3):
        with screen.expect_event("requestfailed"):
            screen.clock.fast_forward(15_100)
        expect(screen.locator("h1")).to_have_text("Please wait")
    for process in (web, nginx):
        process.start()
    wait_until(partial(responds, f"{topology.url}/healthz"), 60, "web answers")
    screen.clock.fast_forward(15_100)

    expect(screen.locator("body")).to_have_attribute("data-connection", "open", timeout=20_000)


def test_a_refused_form_is_not_sent_again_and_keeps_its_content(topology, open_page) -> None:
    page = open_page("about:blank")
    page.clock.install()
    page.goto(f"{topology.url}/sign_in")
    methods = []
    with flood(f"{topology.url}/sign_in", "POST"):
        for _ in range(ATTEMPTS):
            page.get_by_label("Username").fill("anna")
            page.get_by_label("Password").fill("wrong")
            with page.expect_navigation() as navigation:
                page.get_by_role("button", name="Sign in").click()
            if navigation.value.status == 429:
                break
        expect(page.locator("h1")).to_have_text("Nothing was changed.")
        expect(page.locator("p").first).to_contain_text("Go back, and try again in a few seconds.")
        expect(page.locator("noscript")).to_have_count(0)
        page.on("request", lambda request: methods.append(request.method))
        page.clock.fast_forward(60_000)
        assert methods == []
    page.get_by_role("link", name="Go back").click()

    expect(page.get_by_label("Username")).to_have_value("anna")
    assert "POST" not in methods


def test_the_service_worker_shows_the_stored_screen_instead_of_a_refused_page(topology, open_screen_page) -> None:
    screen = open_screen_page(f"{topology.url}/")
    wait_for(screen, IS_CACHED)
    with flood(f"{topology.url}/pair"):
        # Nginx accepts some requests even during the flood. Therefore the test tries until Nginx refuses a request.
        for _ in range(ATTEMPTS):
            screen.goto(f"{topology.url}/pair")
            with contextlib.suppress(AssertionError):
                expect(screen).to_have_url(f"{topology.url}/", timeout=3_000)
                break

        expect(screen).to_have_url(f"{topology.url}/")
        expect(screen.locator("body")).to_have_attribute("data-connection", "open")


def test_a_press_that_nginx_refuses_is_reported_in_one_line(topology, make_store, open_page) -> None:
    slug = make_store()
    buttons = open_page(f"{topology.url}/s/{slug}/cashier_buttons")
    with flood(f"{topology.url}/s/{slug}/cashier_action", "POST"):
        # Nginx accepts some presses even during the flood. Therefore the test presses until a press is refused.
        for _ in range(ATTEMPTS):
            buttons.keyboard.press("4")
            with contextlib.suppress(AssertionError):
                expect(buttons.locator("#receipts li").first).to_have_text("Nº4 not sent: error 429", timeout=3_000)
                break

        expect(buttons.locator("#receipts li").first).to_have_text("Nº4 not sent: error 429")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_its_pages(topology, language) -> None:
    answer = httpx.get(f"{topology.url}/metrics", headers={"Accept-Language": f"xx-YY, {language}-AB;q=0.7, fr;q=0.1"})

    assert answer.status_code == 404
    assert f'<html lang="{language}" dir="{direction(language)}">' in answer.text
    for audience, kind in (("page", "busy"), ("page", "unavailable")):
        page = (topology.folder / f"nginx/error_pages/{language}/{audience}/{kind}.html").read_text()
        assert f"<h1>{please_wait(language)}</h1>" in page


@pytest.mark.parametrize("header", [None, "", "*", "xx", "den", "dex, q=deep", "," * 5000 + "x"])
def test_a_reader_without_a_known_language_gets_english(topology, header) -> None:
    headers = {} if header is None else {"Accept-Language": header}

    assert '<html lang="en" dir="ltr">' in httpx.get(f"{topology.url}/metrics", headers=headers).text


def send_raw(topology, request: bytes) -> str:
    """Send bytes to Nginx, and return the answer until Nginx closes the connection."""
    with socket.create_connection(("127.0.0.1", topology.port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()


@pytest.mark.parametrize(
    ("request_line", "headers", "status", "heading"),
    [
        ("GET / HTTP/1.1", "Host: a\r\nbad header", 400, "The server cannot read this request."),
        ("GET / HTTP/1.1", f"Host: a\r\nX: {LARGE}", 400, "The server cannot read this request."),
        (f"GET /{LARGE} HTTP/1.1", "Host: a", 414, "The server cannot read this request."),
        ("TRACE / HTTP/1.1", "Host: a\r\nConnection: close", 405, "The server cannot read this request."),
        ("GET / HTTP/1.1", "Host: a\r\nTransfer-Encoding: x", 501, "The server cannot read this request."),
        ("POST /claim HTTP/1.1", "Host: a\r\nContent-Length: 99999\r\nConnection: close", 413, "This is too large."),
        ("POST /media HTTP/1.1", "Host: a\r\nContent-Length: 99999999\r\nConnection: close", 413, "This is too large."),
        ("GET /readyz HTTP/1.1", "Host: a\r\nConnection: close", 404, "There is no such page or store."),
    ],
)
def test_every_refusal_of_nginx_keeps_its_status_and_gives_a_reason(
    topology, request_line, headers, status, heading
) -> None:
    answer = send_raw(topology, f"{request_line}\r\n{headers}\r\n\r\n".encode())

    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert f"<h1>{heading}" in answer
    assert "nginx</center>" not in answer
    assert "Cache-Control: no-store" in answer
    is_repeated = request_line.startswith("GET / ")
    assert ("<body data-retries>" in answer) == is_repeated


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("POST /api/v1/stores/default/calls HTTP/1.1", f"Host: a\r\nX: {LARGE}", 400),
        ("POST /api/v1/stores/default/calls HTTP/1.1", "Host: a\r\nContent-Length: 99999\r\nConnection: close", 413),
        ("TRACE /api/v1/stores HTTP/1.1", "Host: a\r\nConnection: close", 405),
    ],
)
def test_refusals_of_the_api_are_json(topology, request_line, headers, status) -> None:
    answer = send_raw(topology, f"{request_line}\r\n{headers}\r\n\r\n".encode())

    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "Content-Type: application/json" in answer
    assert '{"detail": "' in answer


def test_the_access_log_contains_the_path_that_was_asked_for(topology) -> None:
    log = topology.folder / "nginx/run/access.log"
    position = log.stat().st_size
    for path in ("/metrics", "/static/no-such-file.css?ticket=secret"):
        assert httpx.get(f"{topology.url}{path}").status_code == 404
    wait_until(lambda: log.read_bytes().count(b"\n", position) >= 2, 10, "Nginx has written its log")

    written = log.read_bytes()[position:].decode()
    assert '"path":"/metrics","status":404' in written
    assert '"path":"/static/no-such-file.css","status":404' in written


def test_nginx_does_not_replace_the_error_responses_of_web(topology) -> None:
    answer = httpx.get(f"{topology.url}/s/no-such-store/")

    assert (answer.status_code, answer.text) == (404, "There is no such page or store.\n")


@pytest.mark.parametrize("language", ["ar", "de", "en"])
@pytest.mark.parametrize("kind", ["page/busy", "page/not_found", "form/unavailable", "form/upload_too_large"])
def test_the_pages_are_accessible_and_fit_every_width(topology, open_page, language, kind) -> None:
    page = open_page("about:blank")
    content = (topology.folder / f"nginx/error_pages/{language}/{kind}.html").read_text()
    page.route("**/error", lambda route: route.fulfill(status=429, content_type="text/html", body=content))
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 640})
        page.goto(f"{topology.url}/error")
        expect_no_violations(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
