"""The Django application of the web service."""

from typing import Any

from django.apps import AppConfig


class CashierWebConfig(AppConfig):
    name = "cashier_web"
    verbose_name = "cashier_q"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in  # noqa: PLC0415  # models are ready now

        user_logged_in.connect(forget_ended_sessions)


def forget_ended_sessions(**of_the_signal: Any) -> None:
    """Django leaves sessions that have ended in the database; with each sign-in, those before it go."""
    from django.contrib.sessions.backends.db import SessionStore  # noqa: PLC0415  # the same

    SessionStore.clear_expired()
