"""Configures logging for both services: one line per event on standard error, as text or as JSON."""

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
"""The processors that format a line, by the value of CASHIER_LOG_FORMAT."""


class OneLine(logging.Filter):
    """Reduces expected exceptions to one line. Only bugs of our own are logged with a traceback.

    Expected exceptions are caused by clients, or by a Redis that does not answer.
    """

    EXPECTED = ("django.request", "django.security", "channels_redis")

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "django.request" and not record.exc_info:
            return False  # web's request log describes refused requests with their reason
        expected = record.name.startswith(self.EXPECTED)
        server_fault = record.name == "django.request" and record.levelno >= logging.ERROR
        if record.exc_info and expected and not server_fault:
            record.msg = f"{record.getMessage()} ({record.exc_info[1]!r})"
            record.args, record.exc_info, record.exc_text = (), None, None
        # Django and Gunicorn attach whole request objects for their own handlers. They do not fit into a line.
        for name in ("request", "server_time"):
            record.__dict__.pop(name, None)
        return True


def formatter(kind: str) -> dict[str, Any]:
    """A formatter for `logging.config`: the message, followed by the values that were passed as `extra`.

    kind: a key of `RENDERERS`.
    """
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
    """The value of Django's setting LOGGING and of Gunicorn's setting `logconfig_dict`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"one_line": {"()": OneLine}},
        "formatters": {"line": formatter(kind)},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["one_line"]}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Without their own handlers, which would write every line a second time.
            **{name: {"handlers": [], "propagate": True} for name in ("django", "gunicorn.error")},
            # Scanners send requests with wrong host names all the time; web's request log describes them.
            "django.security.DisallowedHost": {"handlers": [], "propagate": False},
            # At INFO, Daphne, Twisted and asyncio log every step of every connection.
            **{name: {"level": "WARNING"} for name in ("daphne", "twisted", "asyncio")},
        },
    }
