"""The pages of Django's admin for the stores, people, devices, screens and history of a chain."""

from django.contrib import admin

from cashier_web.admin import devices, history, people, screens, stores

__all__ = ["devices", "history", "people", "screens", "stores"]

admin.site.index_template = "cashier_web/admin_index.html"
