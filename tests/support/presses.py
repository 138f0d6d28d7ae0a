"""Presses a button of the default store."""

from django.test import Client


def press(client: Client, till: int = 4) -> int:
    """Press for a till, and return the status of the answer."""
    return client.post("/cashier_action", {"cashier": str(till), "language": "en"}).status_code
