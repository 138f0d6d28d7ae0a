"""The pages: what a client without a browser reads in them."""

import html
import re

CSRF_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
WEBSOCKET = re.compile(r'data-websocket="([^"]+)"')


def websocket_of(page: str) -> str:
    """Path and ticket of the websocket that a screen's page opens; "" if it is no such page."""
    found = WEBSOCKET.search(page)
    return html.unescape(found[1]) if found else ""
