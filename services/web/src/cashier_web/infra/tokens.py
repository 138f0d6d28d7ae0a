"""The token: what a device shows to call. It is shown to people once; kept is only its hash."""

import hashlib
import secrets

PREFIX = "cq_"
"""So that programs which look for secrets in files can tell whose it is."""


def new() -> str:
    """A token that nobody can guess: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of it. A fast hash is enough: unlike a password, it can't be found by trying."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()
