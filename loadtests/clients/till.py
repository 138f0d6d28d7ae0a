"""The till: opens the buttons page, signing in where it must, presses, and knows a screen's websocket address."""

import json
import ssl
from copy import copy
from types import TracebackType
from typing import Any
from urllib.parse import urljoin

import httpx

from loadtests.clients.pages import CSRF_TOKEN, websocket_of


class Till:
    """A browser at a till, without the browser. `store` "" is the default store.

    account: name and password, where the buttons are not open.
    trust: whose certificates are believed; the public authorities' by default.
    """

    def __init__(
        self,
        url: str,
        store: str = "",
        *,
        account: tuple[str, str] | None = None,
        trust: ssl.SSLContext | bool = True,
    ) -> None:
        self._base = urljoin(url, f"/s/{store}/" if store else "/")
        self._account = account
        self._client = httpx.AsyncClient(headers={"Origin": url}, timeout=10, verify=trust)

    async def __aenter__(self) -> "Till":
        await self._client.__aenter__()
        if self._account:
            sign_in = urljoin(self._base, "/sign_in")
            fields = dict(zip(("username", "password"), self._account, strict=True))
            token = await self._read_token(sign_in)
            signed_in = await self._client.post(sign_in, data={**fields, "csrfmiddlewaretoken": token})
            assert signed_in.is_redirect, "not signed in"
        self._token = await self._read_token(urljoin(self._base, "cashier_buttons"))
        return self

    async def _read_token(self, url: str) -> str:
        page = await self._client.get(url)
        page.raise_for_status()
        found = CSRF_TOKEN.search(page.text)
        assert found, f"no CSRF token at {url}"
        return found[1]

    def at(self, store: str) -> "Till":
        """The same browser on another store's pages."""
        other = copy(self)
        other._base = urljoin(self._base, f"/s/{store}/")
        return other

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
