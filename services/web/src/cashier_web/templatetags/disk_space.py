"""A template tag with the disk space that is used and free."""

from typing import Any

from django import template
from django.conf import settings

from cashier_web.infra import disk_space
from cashier_web.infra.disk_space import MB
from cashier_web.infra.media_storage import stored_media

register = template.Library()


@register.simple_tag
def disk_space_in_mb() -> dict[str, Any]:
    """Return the used and free megabytes, and whether the disk is almost full."""
    size, free = disk_space.disk_usage()
    database = disk_space.database_bytes()
    return {
        "disk": size // MB,
        "free": free // MB,
        # An object store needs many requests to answer this, and may be away.
        "media": None if settings.ENVIRONMENT.cashier_media_url else stored_media.bytes_in() // MB,
        "most_media": settings.ENVIRONMENT.cashier_media_mb,
        "database": None if database is None else database // MB,
        "keep_free": disk_space.bytes_to_keep_free() // MB,
        "is_low": disk_space.is_low(),
    }
