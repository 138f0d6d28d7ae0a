"""Logging of both services: one line per event on standard error."""

import logging
from typing import Any


class OneLine(logging.Filter):
    """Keeps tracebacks for faults of ours: what a client or a lost Redis causes is one line."""

    EXPECTED = ("django.request", "django.security", "channels_redis")

    def filter(self, record: logging.LogRecord) -> bool:
        expected = record.name.startswith(self.EXPECTED)
        server_fault = record.name == "django.request" and record.levelno >= logging.ERROR
        if record.exc_info and expected and not server_fault:
            record.msg = f"{record.getMessage()} ({record.exc_info[1]!r})"
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


def config(level: str) -> dict[str, Any]:
    """Django's LOGGING for this level."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"one_line": {"()": OneLine}},
        "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["one_line"]}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            # Daphne, Twisted and asyncio tell every step of every connection at INFO.
            **{name: {"level": "WARNING"} for name in ("daphne", "twisted", "asyncio")},
        },
    }
