"""The till: signs in to nothing, opens the buttons page, presses, and knows a screen's websocket address."""

import html
import re
from types import TracebackType
from urllib.parse import urljoin

import httpx

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
WEBSOCKET = re.compile(r'data-websocket="([^"]+)"')


class Till:
    """A browser at a till, without the browser. `store` "" is the default store."""

    def __init__(self, url: str, store: str = "") -> None:
        self._base = urljoin(url, f"/s/{store}/" if store else "/")
        self._client = httpx.AsyncClient(headers={"Origin": url}, timeout=10)

    async def __aenter__(self) -> "Till":
        await self._client.__aenter__()
        page = await self._client.get(urljoin(self._base, "cashier_buttons"))
        page.raise_for_status()
        found = TOKEN.search(page.text)
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

    async def speak(self, language: str) -> httpx.Response:
        """Change the store's language."""
        return await self._post("cashier_buttons", {"language": language})

    async def websocket(self) -> str:
        """Path and ticket of the websocket, from the store's screen page."""
        page = await self._client.get(self._base)
        page.raise_for_status()
        found = WEBSOCKET.search(page.text)
        assert found, "no websocket on the screen's page"
        return html.unescape(found[1])

    async def _post(self, page: str, fields: dict[str, str]) -> httpx.Response:
        return await self._client.post(urljoin(self._base, page), data={**fields, "csrfmiddlewaretoken": self._token})
