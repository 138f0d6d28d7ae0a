"""Functions that check the values of environment variables."""

import re
from collections.abc import Callable
from typing import Any

from environs import ValidationError, validate

from cashier_core.redis_address import is_sentinel_address, parse_sentinel_address

Check = Callable[[Any], Any]
"""The type of a function that checks a value, and raises ValidationError with a reason if the value is not allowed."""


def scheme(*allowed: str) -> Check:
    """Return a function which checks that a value is a URL, and that the URL's scheme is in `allowed`."""

    def check(value: str) -> None:
        if value.partition("://")[0] not in allowed or "://" not in value:
            raise ValidationError(f"must start with {' or '.join(f'{name}://' for name in allowed)}")

    return check


def sentinels(value: str) -> None:
    """Check the address of Sentinels. The address of one Redis is checked by redis-py."""
    if is_sentinel_address(value):
        try:
            parse_sentinel_address(value)
        except ValueError as fault:
            raise ValidationError(str(fault)) from None


DATABASE_SERVER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^/?#@:,\[\]]+)(:(?P<port>\d{1,5}))?")


def database(value: str) -> None:
    """Check the servers of a PostgreSQL, if there are several. The address of one is checked by Django."""
    servers = value.partition("://")[2].partition("/")[0].rpartition("@")[2].split(",")
    found = [DATABASE_SERVER.fullmatch(server) for server in servers]
    if len(servers) > 1 and not all(each and int(each["port"] or 5432) <= 65535 for each in found):
        raise ValidationError("must be like postgres://user:password@host1:5432,host2:5432/name")


ACCOUNT, HOST, PORT = r"([^/?#@]*@)?", r"(\[[0-9a-fA-F:.]+\]|[^/?#@:\[\]]+)", r"(:(?P<port>\d{1,5}))?"
MAIL_SERVER = re.compile(rf"smtp://{ACCOUNT}{HOST}{PORT}/?(\?(tls|ssl)=True)?")


def mail_server(value: str) -> None:
    """Check that the value is the URL of a mail server, or empty."""
    found = MAIL_SERVER.fullmatch(value)
    if value and (found is None or int(found["port"] or 25) > 65535):
        raise ValidationError(
            "must be like smtp://user:password@host:587/?tls=True (or ?ssl=True), with %40 for @, %2F for / and so on"
        )


KEYS, REGION = r"[^/?#@:]+:[^/?#@:]+@", r"[a-zA-Z0-9-]+"
BUCKET = re.compile(rf"s3://{KEYS}{HOST}{PORT}/[a-zA-Z0-9._-]+(\?(region={REGION})?&?(tls=(True|False))?)?")


def bucket(value: str) -> None:
    """Check that the value is the URL of a bucket in an object store, or empty."""
    found = BUCKET.fullmatch(value)
    if value and (found is None or int(found["port"] or 443) > 65535):
        raise ValidationError(
            "must be like s3://key:secret@host/bucket?region=name&tls=True, with %2F for /, %40 for @ and so on"
        )


def site(value: str) -> None:
    """Check that the value is the address of a site without a path, or empty."""
    if value and not re.fullmatch(r"https?://[^/?#\s]+/?", value):
        raise ValidationError("must be like https://queue.example.com")


def between(low: float, high: float) -> Check:
    """Return a function which checks that a number is at least `low` and at most `high`."""
    return validate.Range(min=low, max=high, error=f"must be from {low} to {high}")


def host_names(names: list[str]) -> None:
    """Check that the list is not empty, and that each element is a host name without a port."""
    if not names or "" in names:
        raise ValidationError("contains an empty name")
    for name in names:
        if not re.fullmatch(r"\*|\.?[\w.-]+|\[[0-9a-fA-F:.]+\]", name):
            raise ValidationError(f"{name!r} is not a host name (without a port)")


KEY = validate.Length(min=32, error="must be at least 32 characters long")
