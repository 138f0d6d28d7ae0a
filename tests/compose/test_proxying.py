"""Nginx works behind another proxy, and answers requests while web is stopped."""

import json
from ipaddress import ip_network

import httpx

from cashier_local.ports import wait_until
from tests.support.compose_stack import docker

BROWSER = "203.0.113.7"


def logged_requests(stack) -> list[dict]:
    """Return the entries of Nginx's access log."""
    lines = stack.compose("logs", "--no-color", "--no-log-prefix", "nginx").splitlines()
    return [json.loads(line[line.index("{") :]) for line in lines if '{"timestamp"' in line]


def send(stack, marker: str, method: str = "GET", path: str = "/", **options) -> tuple[httpx.Response, dict]:
    """Send a request, and return the response and Nginx's log entry of the request.

    marker: the User-Agent of the request. It must differ from that of all other requests, because it identifies the log
        entry.
    """
    answer = httpx.request(
        method, f"{stack.url}{path}", headers={"User-Agent": marker, "X-Forwarded-For": BROWSER}, **options
    )
    found: list[dict] = []

    def is_logged() -> bool:
        found[:] = [line for line in logged_requests(stack) if line["agent"] == marker]
        return bool(found)

    wait_until(is_logged, 5, "the request is logged")
    return answer, found[-1]


def gateway(stack) -> str:
    """Return the IP address that Nginx sees as the sender of a request from this machine."""
    (network,) = json.loads(docker("network", "inspect", f"{stack.project}_front"))
    # Docker gives itself the first address of the network. Docker does not print this address if it was not configured.
    return str(ip_network(network["IPAM"]["Config"][0]["Subnet"])[1])


def statuses_of_sign_ins(stack, addresses: list[str]) -> set[int]:
    """Send a sign-in without a CSRF token from each address, through a trusted proxy. Return the statuses."""
    with httpx.Client(base_url=stack.url) as client:
        return {client.post("/sign_in", headers={"X-Forwarded-For": each}).status_code for each in addresses}


def test_the_address_in_x_forwarded_for_is_ignored_unless_a_trusted_proxy_sends_it(stack) -> None:
    _, entry = send(stack, "untrusted")

    assert entry["address"] == gateway(stack)


def test_behind_a_trusted_https_proxy_the_browsers_address_is_known_and_cookies_are_secure(stack) -> None:
    stack.reconcile(CASHIER_TRUSTED_PROXIES=f"192.0.2.0/24,{gateway(stack)}", CASHIER_HTTPS="true")
    try:
        page, entry = send(stack, "trusted", path="/cashier_buttons")
        assert page.status_code == 200
        assert entry["address"] == BROWSER
        assert "Secure" in page.headers["Set-Cookie"]

        # Nginx accepts 20 sign-ins of one client at once. A client is a /64 network of IPv6 addresses.
        one_network = [f"2001:db8:0:1::{number:x}" for number in range(1, 41)]
        many_networks = [f"2001:db8:0:{number:x}::1" for number in range(2, 42)]
        assert 429 in statuses_of_sign_ins(stack, one_network)
        assert statuses_of_sign_ins(stack, many_networks) == {403}
    finally:
        stack.reconcile()


def test_while_web_is_stopped_a_page_reloads_itself_and_a_sign_in_is_not_repeated(stack) -> None:
    (web,) = stack.containers("web")
    docker("stop", web)
    try:
        # web's container has stopped, but at first Nginx still tries to connect to it, and does not yet answer with
        # 502. The test checks the answers with 502, so it waits for the first of them.
        wait_until(lambda: httpx.get(stack.url).status_code == 502, 10, "Nginx forgets web's address")
        page, page_entry = send(stack, "a page")
        sign_in, sign_in_entry = send(stack, "a sign-in", "POST", "/sign_in", data={"username": "ada"})
    finally:
        docker("start", web)
        stack.reconcile()

    assert (page.status_code, sign_in.status_code) == (502, 502)
    assert 'http-equiv="refresh"' in page.text
    assert " : " in page_entry["upstream"], "Nginx has sent the request for the page twice"
    assert " : " not in sign_in_entry["upstream"], "Nginx has sent the sign-in once"
