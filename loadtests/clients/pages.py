"""The paths of a store's pages, and what a client without a browser needs from these pages."""

import html
import re

CSRF_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
WEBSOCKET = re.compile(r'data-websocket="([^"]+)"')


def websocket_path(page: str) -> str:
    """Return the websocket's path from a screen's page, with its ticket; "" if this is not the page of a screen."""
    found = WEBSOCKET.search(page)
    return html.unescape(found[1]) if found else ""


def csrf_token(page: str) -> str:
    """Return the CSRF token of the first form of a page; "" if the page has no form."""
    found = CSRF_TOKEN.search(page)
    return found[1] if found else ""


def store_path(store: str) -> str:
    """Return the path of a store's screen page. The paths of all other pages of the store begin with this path."""
    return "/" if store == "default" else f"/s/{store}/"
