"""The admin of a chain: stores, people, devices and screens."""

from cashier_web.admin import devices, people, screens, stores

__all__ = ["devices", "people", "screens", "stores"]
