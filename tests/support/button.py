"""A client with which tests call the API as a button device does."""

from dataclasses import dataclass

from django.test import Client

from cashier_web.models import Device


@dataclass
class Button:
    """Sends the API requests of one device, with the device's token."""

    client: Client
    token: str
    device: Device
    store: str = "default"

    def headers(self, **more: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}", **more}

    def press(self, store="", key="", **body):
        headers = self.headers(**({"idempotency-key": key} if key else {}))
        path = f"/api/v1/stores/{store or self.store}/calls"
        return self.client.post(path, body, content_type="application/json", headers=headers)

    def look(self, store=""):
        return self.client.get(f"/api/v1/stores/{store or self.store}/calls", headers=self.headers())

    def cancel(self, call, store=""):
        return self.client.delete(f"/api/v1/stores/{store or self.store}/calls/{call}", headers=self.headers())
