"""A Chromium with several tabs, of which only one is in the foreground.

Playwright tells each of its pages that it is visible, even in a background tab. Therefore this module controls Chromium
over the DevTools protocol.
"""

import contextlib
import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from cashier_local.ports import answers, free_port, wait_until
from tests.support.browser import ARGUMENTS


class ChromiumTabs:
    """The tabs of a Chromium that listens on this port."""

    def __init__(self, port: int) -> None:
        self._port = port

    def first(self) -> dict[str, Any]:
        """Return the tab that is open when Chromium has started."""
        return next(tab for tab in self._request("/json/list") if tab["type"] == "page")

    def open(self) -> dict[str, Any]:
        """Open a new tab in the foreground."""
        tab: dict[str, Any] = self._request("/json/new?about:blank", "PUT")
        return tab

    def activate(self, tab: dict[str, Any]) -> None:
        """Put a tab into the foreground."""
        self._request(f"/json/activate/{tab['id']}")

    def send(self, tab: dict[str, Any], method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol to a tab, and return the answer."""
        with connect(tab["webSocketDebuggerUrl"]) as socket:
            socket.send(json.dumps({"id": 1, "method": method, "params": params}))
            answer: dict[str, Any] = json.loads(socket.recv())
        assert "result" in answer, answer
        return answer["result"]

    def evaluate(self, tab: dict[str, Any], expression: str) -> Any:
        """Return the value of a JavaScript expression in a tab."""
        return self.send(tab, "Runtime.evaluate", expression=expression)["result"].get("value")

    def _request(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", method=method)
        with urllib.request.urlopen(request) as answer:
            body = answer.read()
        return json.loads(body) if body.startswith((b"{", b"[")) else body.decode()


@contextlib.contextmanager
def chromium_tabs(program: str, profile: Path) -> Iterator[ChromiumTabs]:
    """Start Chromium with an empty profile in this folder, and end it with the block."""
    port = free_port()
    options = [
        "--headless",
        f"--remote-debugging-port={port}",
        "--remote-allow-origins=*",
        f"--user-data-dir={profile}",
    ]
    with subprocess.Popen([program, *ARGUMENTS, *options, "about:blank"], stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: answers(port), 20, "Chromium answers")
            yield ChromiumTabs(port)
        finally:
            process.terminate()
            process.wait(15)
