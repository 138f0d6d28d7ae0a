"""Makes secret tokens, with which devices and paired screens prove who they are.

The database contains only the hashes of the tokens.
"""

import hashlib
import secrets

PREFIX = "cq_"
"""Every token begins with this prefix. It helps tools that search files for leaked secrets to recognise a token of
cashier_q."""


def new_token() -> str:
    """Return a new token of 256 random bits, which nobody can guess."""
    return PREFIX + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Return the hash of a token, which is stored instead of the token.

    Passwords need a slow hash, because people choose passwords that can be guessed. A token cannot be guessed, so a
    fast hash is enough.
    """
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()
