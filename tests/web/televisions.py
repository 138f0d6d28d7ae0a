"""A television that shows a code, and the manager who enters it."""

import re

from django.http import HttpResponse
from django.test import Client


def code_on(television: Client, **headers: str) -> str:
    """The code that its page shows."""
    page = television.get("/pair", headers=headers).content.decode()
    return re.search(r'<p class="code" dir="ltr">([0-9A-Z]{3} [0-9A-Z]{3})</p>', page)[1]


def claim(client: Client, code: str, store: str = "north", name: str = "Entrance") -> HttpResponse:
    """What is answered to a person who enters the code."""
    return client.post("/claim", {"code": code, "store": store, "name": name})
