"""What a client without a browser reads from the HTML pages."""

import html
import re

CSRF_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
WEBSOCKET = re.compile(r'data-websocket="([^"]+)"')


def websocket_path(page: str) -> str:
    """Return path and ticket of the websocket that a screen's page opens; "" if this is not a screen's page."""
    found = WEBSOCKET.search(page)
    return html.unescape(found[1]) if found else ""


def csrf_token(page: str) -> str:
    """Return the CSRF token of the page's first form; "" if the page has no form."""
    found = CSRF_TOKEN.search(page)
    return found[1] if found else ""
