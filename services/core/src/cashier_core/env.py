"""Defines and reads all environment variables of cashier_q. Only this module uses `os.environ`.

`python -m cashier_core.env` prints a table of the variables. docs/settings.md contains this table, and a test fails if
the table is out of date.
"""

import os
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, TypeVar

from environs import FileAwareEnv, validate
from environs.exceptions import EnvError

from cashier_core.env_checks import (
    KEY,
    Check,
    between,
    bucket,
    database,
    host_names,
    mail_server,
    scheme,
    sentinels,
    site,
)

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class BadEnvironment(SystemExit):
    """Raised if an environment variable is missing or has a bad value.

    Because this is a SystemExit, it ends the process. The process prints one line with the variable and the fault.
    """


def variable(help: str, *checks: Check, default: Any = MISSING, secret: bool = False) -> Any:
    """Declare an environment variable as a field of a dataclass. A variable without a default must be set.

    The name of the variable is the name of the field in capitals.
    """
    return field(default=default, repr=not secret, metadata={"help": help, "checks": checks})


@dataclass(frozen=True, kw_only=True)
class CoreEnvironment:
    """The environment variables that both web and ws read."""

    redis_url: str = variable(
        "The one Redis (or Valkey) that web and ws share, or the Sentinels of several servers: "
        "`sentinel://user:password@host1:26379,host2:26379/primary`.",
        scheme("redis", "rediss", "unix", "sentinel"),
        sentinels,
        default="redis://localhost:6379/0",
    )
    cashier_ticket_key: str = variable(
        "Signs the tickets in the websocket addresses of screens. Must be the same for web and ws.", KEY, secret=True
    )
    cashier_silence_seconds: float = variable(
        "Seconds without any message after which a screen opens another connection. A lower value costs CPU time.",
        between(5, 40),
        default=40.0,
    )
    cashier_log_level: str = variable(
        "The least severe messages that are logged.",
        validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"], error="must be one of {choices}"),
        default="INFO",
    )
    cashier_log_format: str = variable(
        "Format of log lines: `line` for people, `json` for a log collector.",
        validate.OneOf(["line", "json"], error="must be one of {choices}"),
        default="line",
    )


@dataclass(frozen=True, kw_only=True)
class WebEnvironment(CoreEnvironment):
    """The environment variables that the web service reads."""

    cashier_secret_key: str = variable("Django's secret key, for sessions and CSRF tokens.", KEY, secret=True)
    database_url: str = variable(
        "The database of stores and people: sqlite:// or postgres://. It may name several servers of one PostgreSQL: "
        "`postgres://user:password@host1:5432,host2:5432/name`.",
        scheme("sqlite", "postgres", "postgresql"),
        database,
        default="sqlite:///cashier_q.sqlite3",
        secret=True,
    )
    cashier_hosts: tuple[str, ...] = variable(
        "Host names of the site, separated by commas.",
        host_names,
        default=("localhost", "127.0.0.1", "[::1]"),
    )
    cashier_https: bool = variable(
        "Whether browsers always use HTTPS. Cookies are then sent over HTTPS only.", default=False
    )
    cashier_hsts_seconds: int = variable(
        "Seconds for which browsers refuse this site without HTTPS (HSTS); 0 for never. Needs CASHIER_HTTPS.",
        between(0, 63_072_000),
        default=0,
    )
    cashier_open_buttons: bool = variable("Whether the buttons work without signing in.", default=False)
    cashier_open_screens: bool = variable(
        "Whether everybody may open a store's screen. If not, only paired screens and people with a role there may.",
        default=False,
    )
    cashier_session_hours: float = variable(
        "Hours after which a person has to sign in again.", between(0.25, 24 * 365), default=12.0
    )
    cashier_history_days: int = variable("Days that calls are kept in the database.", between(1, 3650), default=90)
    email_url: str = variable(
        "The mail server for messages about alarms: smtp://user:password@host:587/?tls=True. Empty: no mail is sent.",
        mail_server,
        default="",
        secret=True,
    )
    cashier_mail_from: str = variable("The sender of mail.", default="cashier_q@localhost")
    cashier_site: str = variable(
        "The address of the site for links, like `https://queue.example.com`. Empty: messages have no links.",
        site,
        default="",
    )
    cashier_static_root: str = variable(
        "Folder where `collectstatic` puts the static files, which Nginx serves.", default="staticfiles"
    )
    cashier_media_root: str = variable(
        "Folder of the pictures and videos that screens show between calls, which Nginx serves.", default="media"
    )
    cashier_media_url: str = variable(
        "The bucket of an object store, which several hosts use instead of the folder: "
        "`s3://key:secret@host/bucket?region=name`.",
        bucket,
        default="",
        secret=True,
    )
    cashier_store_media_mb: int = variable(
        "Megabytes that the pictures, videos and logo of one store may have.", between(1, 10_000), default=500
    )
    cashier_media_mb: int = variable(
        "Megabytes that the pictures, videos and logos of all stores together may have.",
        between(1, 10_000_000),
        default=20_000,
    )
    cashier_free_disk_mb: int = variable(
        "Megabytes of the disk that stay free: with less, no file is uploaded, and administrators are warned before.",
        between(100, 1_000_000),
        default=2000,
    )
    cashier_web_workers: int = variable("Number of Gunicorn's worker processes.", between(1, 16), default=2)
    cashier_web_threads: int = variable("Number of threads of each Gunicorn worker.", between(1, 8), default=4)

    def __post_init__(self) -> None:
        if self.cashier_hsts_seconds and not self.cashier_https:
            raise BadEnvironment("cashier_q: CASHIER_HSTS_SECONDS: needs CASHIER_HTTPS=true")


@dataclass(frozen=True, kw_only=True)
class WsEnvironment(CoreEnvironment):
    """The environment variables that the ws service reads."""

    cashier_drain_seconds: float = variable(
        "Seconds over which a replica that is stopped spreads the closing of its screens.",
        between(0, 60),
        default=3.0,
    )
    cashier_stuck_seconds: float = variable(
        "Seconds after which a screen that accepts no bytes is closed.", between(1, 300), default=10.0
    )


E_ = TypeVar("E_", bound=CoreEnvironment)


def read(kind: type[E_]) -> E_:
    """Read the environment variables that the dataclass `kind` declares.

    Instead of a variable NAME, the variable NAME_FILE may be set to the path of a file that contains the value.
    Raises BadEnvironment for the first variable that is missing or bad. The message contains no secret values.
    """
    env = FileAwareEnv(strip_whitespace=True)
    parsers: dict[object, Any] = {
        str: env.str,
        int: env.int,
        float: env.float,
        bool: env.bool,
        tuple[str, ...]: lambda name, **options: tuple(env.list(name, **options)),
    }
    values = {}
    for each in fields(kind):
        name = each.name.upper()
        default = {} if each.default is MISSING else {"default": each.default}
        try:
            if name in os.environ and f"{name}_FILE" in os.environ:
                raise ValueError(f"set together with {name}_FILE; set only one of them")
            values[each.name] = parsers[each.type](name, **default, validate=list(each.metadata["checks"]))
        except (EnvError, ValueError) as fault:
            raise BadEnvironment(f"cashier_q: {name}: {_reason(fault)}") from None
    return kind(**values)


def _reason(fault: Exception) -> str:
    messages = getattr(fault, "error_messages", None)
    if messages:
        return "; ".join(message.rstrip(".") for message in messages)
    text = str(fault)
    return "required, but not set" if "not set" in text else text


def use_settings(module: str) -> None:
    """Make `module` Django's settings module, unless DJANGO_SETTINGS_MODULE already names another module."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", module)


def share_metrics(folder: str) -> None:
    """Let all processes that are forked later write their metrics to files in this folder.

    One worker process can then report the metrics of all worker processes. This function sets the environment variable
    in which prometheus_client finds the folder.
    """
    os.environ[METRICS_FOLDER] = folder


def metrics_are_shared() -> bool:
    """Return whether this process writes its metrics to a folder that it shares with other worker processes."""
    return METRICS_FOLDER in os.environ


def table() -> str:
    """Return a Markdown table of all environment variables, for docs/settings.md."""
    kinds: dict[str, type[CoreEnvironment]] = {"web": WebEnvironment, "ws": WsEnvironment}
    rows: dict[str, tuple[Field[Any], list[str]]] = {}
    for service, kind in kinds.items():
        for each in fields(kind):
            rows.setdefault(each.name, (each, []))[1].append(service)
    lines = ["| variable | read by | default | meaning |", "| --- | --- | --- | --- |"]
    for name, (each, services) in rows.items():
        default = ",".join(each.default) if isinstance(each.default, tuple) else str(each.default)
        default = "required" if each.default is MISSING else f"`{default}`" if default else "empty"
        lines.append(f"| `{name.upper()}` | {', '.join(services)} | {default} | {each.metadata['help']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
