"""The codes that unpaired televisions show, stored in Redis until a manager enters them."""

import secrets
from typing import cast

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from cashier_web.infra.errors import Refused
from cashier_web.infra.rate_limit import seconds_until_allowed
from cashier_web.infra.redis_clients import the_redis

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without letters and digits that look alike: 0 and O; 1, I and L."""
LENGTH = 6
CODE_SECONDS = 600
"""A code is valid for this long. The limits below count within the same time."""
TELEVISION_SECONDS = 86_400
"""A television that has shown a code is remembered for this long, and then has its own limit of new codes."""
MOST_CODES = 300
"""Codes shown behind one client address. With 300 valid codes and `pairing.MOST_TRIES`, one person needs 2,000 days on
average to guess a code."""
MOST_CODES_OF_KNOWN = 3
"""New codes for a television that has shown one before."""


def code_for(secret_hash: str, client_address: str) -> str:
    """The code that the television with this cookie shows now, or a new code. Raises Refused and RedisError."""
    redis = the_redis()
    code_key = f"cashier:pairing:{secret_hash}"
    known = cast(bytes | None, redis.get(code_key))
    if known and redis.exists(f"cashier:code:{known.decode()}"):
        return known.decode()
    # A known television gets its next code even if other clients have used up the limit of the shared address.
    actor, most = (secret_hash, MOST_CODES_OF_KNOWN) if known else (client_address, MOST_CODES)
    if seconds := seconds_until_allowed("codes", actor, most=most, seconds=CODE_SECONDS):
        raise Refused(429, _("Too many screens are being paired from this network. Wait a few minutes."), seconds)
    while True:
        code = "".join(secrets.choice(ALPHABET) for _letter in range(LENGTH))
        if redis.set(f"cashier:code:{code}", secret_hash, nx=True, ex=CODE_SECONDS):
            redis.set(code_key, code, ex=TELEVISION_SECONDS)
            return code


def redeem_code(code: str) -> str:
    """The hash of the cookie of the television that shows this code. The code is then no longer valid.

    Raises ValidationError if no television shows this code, and RedisError.
    """
    secret_hash = cast(bytes | None, the_redis().getdel(f"cashier:code:{code}"))
    if secret_hash is None:
        raise ValidationError(_("No screen shows this code, or the code has expired."))
    return secret_hash.decode()


def is_code(text: str) -> bool:
    """Whether the text could be a code."""
    return len(text) == LENGTH and set(text) <= set(ALPHABET)
