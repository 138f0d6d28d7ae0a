"""Remembers when each device was used last.

The times are in Redis first, because a press must not need the database. The service tasks moves them to the database.
"""

import time
from datetime import UTC, datetime
from math import inf
from typing import cast

from django.db import transaction

from cashier_web.infra.redis_clients import the_redis
from cashier_web.models import Device
from cashier_web.press_data.lookup import KnownDevice

KEY = "cashier:devices:used"
"""The Redis hash with the time, in seconds since 1970, at which each device was used, until `save_used` moves it."""


PRECISION_SECONDS = 60.0
"""A worker process writes the time of a device at most once in this number of seconds."""

_noted: dict[int, float] = {}
"""When this worker process wrote the time of each device, in seconds of time.monotonic()."""


def note_used(device: KnownDevice) -> None:
    """Remember that the device is used now. Raises RedisError if Redis does not answer."""
    now = time.monotonic()
    if now - _noted.get(device.pk, -inf) >= PRECISION_SECONDS:
        the_redis().hset(KEY, str(device.pk), str(round(time.time())))
        _noted[device.pk] = now


def save_used() -> None:
    """Move the times to the database. The periodic task "used" calls this function."""
    used = cast(dict[bytes, bytes], the_redis().hgetall(KEY))
    with transaction.atomic():
        for number, seconds in used.items():
            Device.objects.filter(pk=int(number)).update(used_at=datetime.fromtimestamp(int(seconds), UTC))
    if used:
        # If a device is used after HGETALL and before HDEL, Redis loses the newer time. The time in the database is
        # then up to two minutes too old, until the device is used again.
        the_redis().hdel(KEY, *used)
