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
"""For each value of CASHIER_LOG_FORMAT: the structlog processors that format a log line."""


class OneLine(logging.Filter):
    """Shortens the log entry of an expected exception to one line without a traceback.

    An exception is expected if a client has caused it, or if Redis does not answer. All other exceptions are bugs of
    cashier_q, and are logged with a traceback.
    """

    EXPECTED = ("django.request", "django.security", "channels_redis")

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "django.request" and not record.exc_info:
            # web's request log already has a line with the reason for each refused request. Therefore Django's own log
            # line about the request is dropped.
            return False
        expected = record.name.startswith(self.EXPECTED)
        server_fault = record.name == "django.request" and record.levelno >= logging.ERROR
        if record.exc_info and expected and not server_fault:
            record.msg = f"{record.getMessage()} ({record.exc_info[1]!r})"
            record.args, record.exc_info, record.exc_text = (), None, None
        # Django and Gunicorn add whole request objects to the log record. These objects are too long for one line, so
        # they are removed.
        for name in ("request", "server_time"):
            record.__dict__.pop(name, None)
        return True


def formatter(kind: str) -> dict[str, Any]:
    """Return a formatter for `logging.config`. It writes the message, followed by the values in `extra`.

    kind: a key of `RENDERERS`.
    """
    shared = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.contextvars.merge_contextvars,  # merge_contextvars adds the request_id to each log line.
    ]
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *RENDERERS[kind]],
    }


def config(level: str, kind: str) -> dict[str, Any]:
    """Return the logging configuration, for Django's setting LOGGING and Gunicorn's setting `logconfig_dict`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"one_line": {"()": OneLine}},
        "formatters": {"line": formatter(kind)},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["one_line"]}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # By default, Django and Gunicorn have handlers of their own, which would write every line a second time.
            # Therefore these handlers are removed.
            **{name: {"handlers": [], "propagate": True} for name in ("django", "gunicorn.error")},
            # Scanners often send requests with a wrong host name. Django's log lines about these requests are dropped,
            # because web's request log already describes the requests.
            "django.security.DisallowedHost": {"handlers": [], "propagate": False},
            # At level INFO, Daphne, Twisted and asyncio would log every step of every connection. Therefore only their
            # warnings and errors are logged.
            **{name: {"level": "WARNING"} for name in ("daphne", "twisted", "asyncio")},
        },
    }
