"""The pages of Django's admin for the stores, people, devices and screens of a chain."""

from cashier_web.admin import devices, people, screens, stores

__all__ = ["devices", "people", "screens", "stores"]
