"""A simulated cashier on asyncio, who opens the page with the buttons, signs in if necessary, and presses."""

import json
import ssl
from copy import copy
from types import TracebackType
from typing import Any
from urllib.parse import urljoin

import httpx

from loadtests.clients import pages


class Till:
    """Sends the same requests as the browser of a cashier. If `store` is empty, the requests go to the store `default`.

    account: name and password, if the buttons require an account.
    trust: the TLS certificates to accept. The default is the certificates of the public certificate authorities.
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
            assert signed_in.is_redirect, f"the sign-in failed with HTTP status {signed_in.status_code}"
        self._token = await self._read_token(urljoin(self._base, "cashier_buttons"))
        return self

    async def _read_token(self, url: str) -> str:
        token = pages.csrf_token(await self._get(url))
        assert token, f"the page {url} contains no CSRF token"
        return token

    def in_store(self, store: str) -> "Till":
        """Return a till with the same session, and so with the same account, on the pages of another store."""
        other = copy(self)
        other._base = urljoin(self._base, f"/s/{store}/")
        return other

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, fault, trace)

    async def press(self, cashier: object, language: str = "en") -> httpx.Response:
        """Press the button of a till, and return the answer.

        cashier: the value of the form field `cashier`. Tests may also send an invalid value.
        """
        return await self._post("cashier_action", {"cashier": str(cashier), "language": language})

    def press_request(self, cashier: object) -> bytes:
        """Return the bytes of the HTTP request of a press, for a client that writes these bytes to its own socket."""
        fields = {"cashier": str(cashier), "language": "en", "csrfmiddlewaretoken": self._token}
        request = self._client.build_request("POST", urljoin(self._base, "cashier_action"), data=fields)
        head = [f"POST {request.url.raw_path.decode()} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in request.headers.items()]
        return "\r\n".join([*head, "", ""]).encode() + request.content

    @staticmethod
    def receipt(answer: httpx.Response) -> dict[str, Any]:
        """Return the receipt of a press. The header HX-Trigger of the answer contains the receipt.

        answer: the answer to the press. Its HTTP status must be 204, because other answers have no receipt.
        """
        receipt: dict[str, Any] = json.loads(answer.headers["HX-Trigger"])["receipt"]
        return receipt

    async def set_language(self, language: str) -> httpx.Response:
        """Change the language of the store."""
        return await self._post("cashier_buttons", {"language": language})

    async def websocket_path(self) -> str:
        """Read the screen page of the store. Return the path of the page's websocket, with the ticket."""
        path = pages.websocket_path(await self._get(self._base))
        assert path, "the page of the screen contains no websocket"
        return path

    async def _get(self, url: str) -> str:
        page = await self._client.get(url)
        page.raise_for_status()
        return page.text

    async def _post(self, page: str, fields: dict[str, str]) -> httpx.Response:
        return await self._client.post(urljoin(self._base, page), data={**fields, "csrfmiddlewaretoken": self._token})
