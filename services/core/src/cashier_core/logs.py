"""Logging of both services: one line per event on standard error, for people or, as JSON, for a log collector."""

import logging
from typing import Any

import structlog

RENDERERS: dict[str, list[Any]] = {
    "line": [structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, pad_level=False, sort_keys=False)],
    "json": [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ],
}
"""How a line is written, by the values of CASHIER_LOG_FORMAT."""


class OneLine(logging.Filter):
    """Keeps tracebacks for faults of ours: what a client or a lost Redis causes is one line."""

    EXPECTED = ("django.request", "django.security", "channels_redis")

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "django.request" and not record.exc_info:
            return False  # the journal tells of a refused request, and why
        expected = record.name.startswith(self.EXPECTED)
        server_fault = record.name == "django.request" and record.levelno >= logging.ERROR
        if record.exc_info and expected and not server_fault:
            record.msg = f"{record.getMessage()} ({record.exc_info[1]!r})"
            record.args, record.exc_info, record.exc_text = (), None, None
        # What Django and Gunicorn attach for handlers of their own: whole requests, which are no line.
        for name in ("request", "server_time"):
            record.__dict__.pop(name, None)
        return True


def formatter(kind: str) -> dict[str, Any]:
    """A formatter for `logging.config`: the message, and behind it what was given as `extra`."""
    shared = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.contextvars.merge_contextvars,  # `request_id`, which web binds for each request
    ]
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *RENDERERS[kind]],
    }


def config(level: str, kind: str) -> dict[str, Any]:
    """Django's LOGGING, and Gunicorn's, for this level."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"one_line": {"()": OneLine}},
        "formatters": {"line": formatter(kind)},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["one_line"]}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Their own handlers would say it twice.
            **{name: {"handlers": [], "propagate": True} for name in ("django", "gunicorn.error")},
            # Any scanner asks under other names; the journal tells of it.
            "django.security.DisallowedHost": {"handlers": [], "propagate": False},
            # Daphne, Twisted and asyncio tell every step of every connection at INFO.
            **{name: {"level": "WARNING"} for name in ("daphne", "twisted", "asyncio")},
        },
    }
