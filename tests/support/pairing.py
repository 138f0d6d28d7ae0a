"""Pairs screens in tests: reads the code that a television shows, and enters the code as a manager."""

import re

from django.http import HttpResponse
from django.test import Client


def code_on(television: Client, **headers: str) -> str:
    """Open the pairing page on the television and return the code on the page."""
    page = television.get("/pair", headers=headers).content.decode()
    return re.search(r'<p class="code" dir="ltr">([0-9A-Z]{3} [0-9A-Z]{3})</p>', page)[1]


def claim(client: Client, code: str, store: str = "north", name: str = "Entrance") -> HttpResponse:
    """Enter the code for a store, as a manager does, and return the response."""
    return client.post("/claim", {"code": code, "store": store, "name": name})
