"""Django's settings for the database."""

from typing import Any
from urllib.parse import urlsplit

import dj_database_url

DEFAULT_PORT = "5432"


def database_settings(url: str) -> dict[str, Any]:
    """Return the settings for the database with this URL, as in DATABASE_URL.

    The URL of a PostgreSQL may name several servers: `postgres://user:password@host1:5432,host2:5432/name`. Each new
    connection tries one server after the other, until one of them accepts writes.
    """
    parts = urlsplit(url)
    account, at, servers = parts.netloc.rpartition("@")
    hosts = servers.split(",")
    if len(hosts) == 1:
        return _parse(url)
    settings = _parse(parts._replace(netloc=f"{account}{at}{hosts[0]}").geturl())
    names, ports = zip(*(_host_and_port(host) for host in hosts), strict=True)
    settings["HOST"], settings["PORT"] = ",".join(names), ",".join(ports)
    settings["OPTIONS"] = {"target_session_attrs": "read-write", **settings.get("OPTIONS", {})}
    return settings


def _parse(url: str) -> dict[str, Any]:
    return dict(dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True))


def _host_and_port(text: str) -> tuple[str, str]:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "", str(parts.port or DEFAULT_PORT)
