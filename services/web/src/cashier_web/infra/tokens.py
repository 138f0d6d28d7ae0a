"""Secret tokens, with which devices and paired screens prove who they are. Only their hashes are stored."""

import hashlib
import secrets

PREFIX = "cq_"
"""Tools that search files for leaked secrets can tell by this prefix that a secret belongs to cashier_q."""


def new_token() -> str:
    """A token that nobody can guess: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token. A fast hash is enough: unlike a password, a token can't be found by guessing."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()
