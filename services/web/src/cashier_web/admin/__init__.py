"""The pages of Django's admin for the stores, people, devices, operator tokens, screens and history of a chain."""

from django.contrib import admin

from cashier_web.admin import devices, history, operator_tokens, people, screens, stores

__all__ = ["devices", "history", "operator_tokens", "people", "screens", "stores"]

admin.site.index_template = "cashier_web/admin_index.html"
