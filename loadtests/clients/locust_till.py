"""A simulated cashier on gevent, who presses on a fixed schedule, for Locust."""

import json
import os
import random
import time

import gevent
from locust.contrib.fasthttp import FastHttpUser

from loadtests.clients.pages import csrf_token, store_path
from loadtests.generators.share import Share
from loadtests.measure.records import Press
from loadtests.profiles import device_token

TILLS = 4
"""Tills of each store."""
CANCEL_SECONDS = 2.0
"""The longest time from a press to the request that cancels its call.

The time is shorter than two holds. The call is the third one of a burst, so it begins two holds after its press."""


class LocustTill(FastHttpUser):
    """A simulated cashier who presses in all stores on a fixed schedule.

    If the answer to a press is late, the next press is still made in time. Each process of the load generator has one
    such cashier, who makes the presses of this process. The cashier is not one of the users that Locust spreads over
    the processes, because Locust does not promise to spread them evenly.
    """

    abstract = True
    # One Locust user may send this many presses at the same time, because in reality the presses come from different
    # browsers: no browser waits until the press of another browser is answered.
    concurrency = 1000

    def press_on_schedule(self, share: Share, begin: float, presses: list[Press]) -> None:
        """Make the presses of this process, and add them to the list `presses`.

        begin: when the first press of the run is due, in seconds of time.monotonic().
        """
        profile, stores = share.profile, share.profile.slugs()
        self.token = self.sign_in(stores[0])
        for number in share.numbers(profile.presses):
            intended = begin + number / profile.per_second
            gevent.sleep(max(intended - time.monotonic(), 0))
            burst, position = divmod(number, profile.burst)
            visit, index = divmod(burst, len(stores))
            press = Press(stores[index], (visit * profile.burst + position) % TILLS + 1, intended)
            presses.append(press)
            is_last = profile.burst > 1 and position == profile.burst - 1
            gevent.spawn(self.press_and_cancel if is_last and burst % 2 else self.press, press)

    def sign_in(self, store: str) -> str:
        """Open the page with the buttons of a store, and sign in if the page requires it.

        Return the CSRF token for the presses.
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
        return token

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
