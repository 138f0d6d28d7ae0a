"""A simulated cashier on gevent, who presses on a fixed schedule, for Locust."""

import json
import math
import os
import random
import socket
import time
from functools import partial
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import gevent
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment

from loadtests.clients.gevent_screen import IP_BIND_ADDRESS_NO_PORT
from loadtests.clients.pages import csrf_token, store_path
from loadtests.generators.share import Share
from loadtests.measure.records import Press
from loadtests.profiles import device_token

TILLS = 4
"""Tills of each store."""
CANCEL_SECONDS = 2.0
"""The longest time from a press to the request that cancels its call.

The time is shorter than two holds. The call is the third one of a burst, so it begins two holds after its press."""
PRESSES_OF_AN_ADDRESS = 5
"""The largest number of presses per second that come from one address. In a real chain, each store has its own address.

Nginx allows 50. The number is smaller, because presses that the load generator sends late come all at once."""
RETRY_SECONDS = 1.0


def socket_from(source: str, family: int, kind: int, protocol: int) -> socket.socket:
    """Return a socket whose connections come from an address of this machine."""
    created = socket.socket(family, kind, protocol)
    created.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    created.bind((source, 0))
    return created


class LocustTill(FastHttpUser):
    """A simulated cashier, who opens the page with the buttons, signs in if necessary, and presses.

    The cashiers are not among the users that Locust spreads over its worker processes, because these processes are busy
    with screens, and would press late.

    source: the number of the loopback address from which the presses come, if the system is on this machine.
    """

    abstract = True
    # One Locust user may send this many presses at the same time, because in reality the presses come from different
    # browsers: no browser waits until the press of another browser is answered.
    concurrency = 1000

    def __init__(self, environment: Environment, source: int) -> None:
        self.host = url = environment.host or ""
        super().__init__(environment)
        self.token = ""
        host = urlsplit(url).hostname or ""
        if host == "localhost" or host.startswith("127."):
            # geventhttpclient has no option for the source address.
            pool: Any = self.client.client.clientpool.get_client(url)._connection_pool
            pool._create_tcp_socket = partial(socket_from, f"127.0.2.{source % 250 + 1}")

    def continue_session_of(self, other: "LocustTill") -> None:
        """Use the session of another cashier, so that this cashier need not sign in."""
        for cookie in other.client.cookiejar:
            self.client.cookiejar.set_cookie(cookie)
        self.token = other.token

    def sign_in(self, store: str) -> None:
        """Open the page with the buttons of a store, and sign in if the page requires it.

        Raises RuntimeError if the page cannot be opened.
        """
        page = self.client.get(f"{store_path(store)}cashier_buttons", name="buttons page")
        token = csrf_token(page.text or "")
        # Somebody may have entered another host on Locust's web page. The password must not be sent to this other host.
        # Therefore the user signs in only at the host in LOCUST_HOST, if this variable is set.
        if token and "/sign_in" in (page.url or "") and self.host == os.environ.get("LOCUST_HOST", self.host):
            account = {"username": os.environ.get("LOAD_USER"), "password": os.environ.get("LOAD_PASSWORD")}
            fields = {**account, "csrfmiddlewaretoken": token}
            page = self.client.post(page.url or "", fields, name="sign in", headers={"Referer": page.url})
            token = csrf_token(page.text or "")
        if not token or "/sign_in" in (page.url or ""):
            raise RuntimeError(
                f"cannot open the buttons at {self.host} (HTTP status {page.status_code}); set LOAD_USER and "
                "LOAD_PASSWORD"
            )
        self.token = token

    def press(self, press: Press) -> None:
        fields = {"cashier": str(press.till), "language": "en", "csrfmiddlewaretoken": self.token}
        path = f"{store_path(press.store)}cashier_action"
        answer = self.client.post(path, fields, name="press", headers={"Origin": self.host or ""})
        press.answered, press.status = time.monotonic(), answer.status_code or 0
        if press.status == 204:
            headers = answer.headers
            receipt = json.loads(str(headers["HX-Trigger"] if headers else ""))["receipt"]
            press.seq, press.starts_in = receipt["seq"], receipt["starts_in_ms"] / 1000
            press.outcome = receipt["outcome"]

    def press_and_cancel(self, press: Press) -> None:
        """Press over the API, as a device does, and cancel the call soon, if it is queued."""
        path = f"/api/v1/stores/{press.store}/calls"
        headers = {"Authorization": f"Bearer {device_token(press.store)}"}
        answer = self.client.post(path, json={"till": press.till}, name="press of a device", headers=headers)
        press.answered, press.status = time.monotonic(), answer.status_code or 0
        if press.status not in {200, 201}:
            return
        # If the API accepts a press, it answers 200 or 201. The page of a cashier answers 204. Both are recorded as
        # 204, because the verdict need not distinguish them.
        press.status, receipt = 204, answer.json()
        press.seq, press.starts_in = receipt["seq"], receipt["starts_in_ms"] / 1000
        press.outcome = receipt["outcome"]
        if press.outcome != "waits":
            return
        gevent.sleep(random.uniform(0.2, CANCEL_SECONDS))
        press.cancel_sent = time.monotonic()
        # Versions before 0.2.0 return no id, and identify a call by its seq.
        answer = self.client.delete(f"{path}/{receipt.get('id', press.seq)}", name="cancel", headers=headers)
        press.cancel_answered, press.cancel_status = time.monotonic(), answer.status_code or 0


def sign_in_until(till: LocustTill, store: str, moment: float) -> None:
    """Sign in, and try again after an error. Raises RuntimeError if this has not succeeded at the time `moment`."""
    while True:
        try:
            till.sign_in(store)
        except RuntimeError:
            if time.monotonic() > moment:
                raise
            gevent.sleep(RETRY_SECONDS)
        else:
            return


def press_on_schedule(environment: Environment, run: Share, presses: list[Press]) -> None:
    """Make all presses of a run, and add them to the list `presses`.

    Each press is made in time, even if the answer to an earlier press is late. Raises RuntimeError if the page with the
    buttons cannot be opened.
    """
    profile, stores = run.profile, run.profile.slugs()
    tills = [LocustTill(environment, number) for number in range(math.ceil(profile.per_second / PRESSES_OF_AN_ADDRESS))]
    sign_in_until(tills[0], stores[0], run.begin)
    for till in tills[1:]:
        till.continue_session_of(tills[0])
    for number, till in zip(range(profile.presses), cycle(tills), strict=False):
        intended = run.begin + number / profile.per_second
        gevent.sleep(max(intended - time.monotonic(), 0))
        burst, position = divmod(number, profile.burst)
        visit, index = divmod(burst, len(stores))
        press = Press(stores[index], (visit * profile.burst + position) % TILLS + 1, intended)
        presses.append(press)
        is_last = profile.burst > 1 and position == profile.burst - 1
        gevent.spawn(till.press_and_cancel if is_last and burst % 2 else till.press, press)
