"""The till: signs in to nothing, opens the buttons page, presses, and knows a screen's websocket address."""

import json
import ssl
from types import TracebackType
from typing import Any
from urllib.parse import urljoin

import httpx

from loadtests.pages import CSRF_TOKEN, websocket_of


class Till:
    """A browser at a till, without the browser. `store` "" is the default store.

    trust: whose certificates are believed; the public authorities' by default.
    """

    def __init__(self, url: str, store: str = "", *, trust: ssl.SSLContext | bool = True) -> None:
        self._base = urljoin(url, f"/s/{store}/" if store else "/")
        self._client = httpx.AsyncClient(headers={"Origin": url}, timeout=10, verify=trust)

    async def __aenter__(self) -> "Till":
        await self._client.__aenter__()
        page = await self._client.get(urljoin(self._base, "cashier_buttons"))
        page.raise_for_status()
        found = CSRF_TOKEN.search(page.text)
        assert found, "no CSRF token on the buttons page"
        self._token = found[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, fault, trace)

    async def press(self, cashier: object, language: str = "en") -> httpx.Response:
        """Press a button."""
        return await self._post("cashier_action", {"cashier": str(cashier), "language": language})

    def request(self, cashier: object) -> bytes:
        """The same as bytes, for a client that is no browser."""
        fields = {"cashier": str(cashier), "language": "en", "csrfmiddlewaretoken": self._token}
        request = self._client.build_request("POST", urljoin(self._base, "cashier_action"), data=fields)
        head = [f"POST {request.url.raw_path.decode()} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in request.headers.items()]
        return "\r\n".join([*head, "", ""]).encode() + request.content

    @staticmethod
    def receipt(answer: httpx.Response) -> dict[str, Any]:
        """What a press that was answered with 204 is told."""
        receipt: dict[str, Any] = json.loads(answer.headers["HX-Trigger"])["receipt"]
        return receipt

    async def speak(self, language: str) -> httpx.Response:
        """Change the store's language."""
        return await self._post("cashier_buttons", {"language": language})

    async def websocket(self) -> str:
        """Path and ticket of the websocket, from the store's screen page."""
        page = await self._client.get(self._base)
        page.raise_for_status()
        path = websocket_of(page.text)
        assert path, "no websocket on the screen's page"
        return path

    async def _post(self, page: str, fields: dict[str, str]) -> httpx.Response:
        return await self._client.post(urljoin(self._base, page), data={**fields, "csrfmiddlewaretoken": self._token})
