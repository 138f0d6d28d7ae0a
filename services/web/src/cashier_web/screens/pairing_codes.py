"""The codes that unpaired televisions show, stored in Redis until a manager enters them."""

import secrets
from typing import cast

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from cashier_web.infra.errors import Refused
from cashier_web.infra.rate_limit import is_exhausted, seconds_until_allowed
from cashier_web.infra.redis_clients import the_redis

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""The letters and digits of codes. Some are missing because they look alike: 0 and O, and 1, I and L."""
LENGTH = 6
CODE_SECONDS = 600
"""A code is valid for this long. MOST_CODES and MOST_CODES_OF_KNOWN limit how many new codes there are in this time."""
TELEVISION_SECONDS = 86_400
"""A television that has shown a code is known for this long.

A known television has its own limit of new codes, MOST_CODES_OF_KNOWN.
"""
MOST_CODES = 300
"""How many new codes the televisions at one client address get within CODE_SECONDS.

Even while 300 codes are valid, one person would need 2,000 days on average to guess one of them, because
`pairing.CODES_OF_PERSON` limits how many wrong codes a person may enter.
"""
MOST_CODES_TOGETHER = 10_000
"""How many new codes all televisions together get within CODE_SECONDS. They need 2 MB of memory in Redis."""
MOST_KNOWN = 50_000
"""How many televisions become known within TELEVISION_SECONDS. They need 10 MB of memory in Redis.

Every further television gets a code, too, but is known only until its code expires.
"""
MOST_CODES_OF_KNOWN = 3
"""How many new codes one television gets within CODE_SECONDS if it has shown a code before."""


def code_for(secret_hash: str, client_address: str) -> str:
    """The code that a television shows now, or a new code if it shows none.

    secret_hash: the hash of the secret in the television's cookie. Raises RedisError if Redis does not answer, and
    Refused if too many new codes were made.
    """
    redis = the_redis()
    code_key = f"cashier:pairing:{secret_hash}"
    known = cast(bytes | None, redis.get(code_key))
    if known and redis.exists(f"cashier:code:{known.decode()}"):
        return known.decode()
    # A known television has shown a code before. It gets a new code even if other televisions at the same client
    # address have used up the limit of this address.
    actor, most = (secret_hash, MOST_CODES_OF_KNOWN) if known else (client_address, MOST_CODES)
    # `is_exhausted` tests the limit of all televisions first. If this limit is used up, Redis stores nothing about this
    # client address. The new code is counted for this limit last. A client address that has reached its own limit gets
    # no code, so its attempts must not use up the codes of other televisions.
    together = {"most": MOST_CODES_TOGETHER, "seconds": CODE_SECONDS}
    if is_exhausted("codes", "all", **together):
        raise Refused(503, _("No code is available at the moment. This page tries again by itself."), CODE_SECONDS)
    if seconds := seconds_until_allowed("codes", actor, most=most, seconds=CODE_SECONDS):
        raise Refused(429, _("Too many screens are being paired from this network. Wait a few minutes."), seconds)
    seconds_until_allowed("codes", "all", **together)
    is_known = bool(known) or not seconds_until_allowed(
        "televisions", "all", most=MOST_KNOWN, seconds=TELEVISION_SECONDS
    )
    while True:
        code = "".join(secrets.choice(ALPHABET) for _letter in range(LENGTH))
        if redis.set(f"cashier:code:{code}", secret_hash, nx=True, ex=CODE_SECONDS):
            redis.set(code_key, code, ex=TELEVISION_SECONDS if is_known else CODE_SECONDS)
            return code


def redeem_code(code: str) -> str:
    """Find the television that shows this code, and make the code invalid.

    Returns the hash of the secret in the television's cookie. Raises ValidationError if no television shows this code,
    and RedisError if Redis does not answer.
    """
    secret_hash = cast(bytes | None, the_redis().getdel(f"cashier:code:{code}"))
    if secret_hash is None:
        raise ValidationError(_("No screen shows this code, or the code has expired."))
    return secret_hash.decode()


def is_code(text: str) -> bool:
    """Whether the text has the form of a pairing code."""
    return len(text) == LENGTH and set(text) <= set(ALPHABET)
