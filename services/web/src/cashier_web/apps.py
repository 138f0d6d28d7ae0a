"""The Django application of the web service."""

from django.apps import AppConfig


class CashierWebConfig(AppConfig):
    name = "cashier_web"
    verbose_name = "cashier_q"
