"""The admin: a chain's stores, people and devices."""

from cashier_web.admin import devices, people, stores

__all__ = ["devices", "people", "stores"]
