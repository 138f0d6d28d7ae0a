"""What Nginx makes of a proxy before it, and of a web behind it that is away."""

import json

import httpx

from cashier_local.ports import wait_until
from tests.support.compose_stack import docker

BROWSER = "203.0.113.7"


def requests(stack) -> list[dict]:
    """Lines of Nginx's access log."""
    lines = stack.compose("logs", "--no-color", "--no-log-prefix", "nginx").splitlines()
    return [json.loads(line[line.index("{") :]) for line in lines if '{"timestamp"' in line]


def ask(stack, marker: str, method: str = "GET", path: str = "/", **options) -> tuple[httpx.Response, dict]:
    """An answer, and what Nginx logged of its request. marker: a word of this request alone."""
    answer = httpx.request(
        method, f"{stack.url}{path}", headers={"User-Agent": marker, "X-Forwarded-For": BROWSER}, **options
    )
    found: list[dict] = []

    def is_logged() -> bool:
        found[:] = [line for line in requests(stack) if line["agent"] == marker]
        return bool(found)

    wait_until(is_logged, 5, "the request is logged")
    return answer, found[-1]


def gateway(stack) -> str:
    """Address under which this machine comes to Nginx."""
    (network,) = json.loads(docker("network", "inspect", f"{stack.project}_front"))
    return network["IPAM"]["Config"][0]["Gateway"]


def test_who_is_no_trusted_proxy_cannot_say_who_the_browser_is(stack) -> None:
    _, line = ask(stack, "untrusted")

    assert line["address"] == gateway(stack)


def test_behind_a_trusted_proxy_that_speaks_https_the_browser_is_known_and_cookies_are_secure(stack) -> None:
    stack.make("up", CASHIER_TRUSTED_PROXIES=f"192.0.2.0/24,{gateway(stack)}", CASHIER_HTTPS="true")
    try:
        page, line = ask(stack, "trusted", path="/cashier_buttons")
        assert page.status_code == 200
        assert line["address"] == BROWSER
        assert "Secure" in page.headers["Set-Cookie"]
    finally:
        stack.make("up")


def test_while_web_is_away_a_page_asks_again_by_itself_and_a_sign_in_is_not_repeated(stack) -> None:
    (web,) = stack.containers("web")
    docker("stop", web)
    try:
        # Until then it tries to reach it, which ends otherwise.
        wait_until(lambda: httpx.get(stack.url).status_code == 502, 10, "Nginx has forgotten its address")
        page, got = ask(stack, "a page")
        sign_in, posted = ask(stack, "a sign-in", "POST", "/sign_in", data={"username": "ada"})
    finally:
        docker("start", web)
        stack.compose("up", "--detach", "--no-recreate", "--wait", "nginx")

    assert (page.status_code, sign_in.status_code) == (502, 502)
    assert 'http-equiv="refresh"' in page.text
    assert " : " in got["upstream"], "asked again"
    assert " : " not in posted["upstream"], "asked once"
