"""Refuses files for which there is no space: in their store, in the whole chain, or on the disk.

If the media are in an object store, the disk does not matter.

Several uploads at the same time may exceed the limit of the chain by their own size. The limit of a store is exact,
because the store is locked.
"""

import logging

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from cashier_web.infra import disk_space
from cashier_web.infra.disk_space import MB
from cashier_web.infra.media_storage import stored_media

log = logging.getLogger(__name__)


class DiskFull(ValidationError):
    """Raised if a file is not stored, because the disk has too little space. The message says so."""

    def __init__(self) -> None:
        super().__init__(
            _("The server has too little disk space. The file was not stored. Please tell an administrator.")
        )


class NoStorage(ValidationError):
    """Raised if a file is not stored, because the media are in a folder that cannot be changed.

    On several hosts, this is the case until an object store is set up.
    """

    def __init__(self) -> None:
        super().__init__(
            _("This installation has no storage for pictures and videos (CASHIER_MEDIA_URL). Tell an administrator.")
        )


def check_space(folder: str, size: int) -> None:
    """Check that a file of `size` bytes may be added to the folder of a store. Raises ValidationError if not."""
    most = settings.ENVIRONMENT.cashier_store_media_mb
    if stored_media.bytes_in(folder) + size > most * MB:
        raise ValidationError(
            _("The pictures and videos of a store may have %(most)s MB together. Delete one first.") % {"most": most}
        )
    most = settings.ENVIRONMENT.cashier_media_mb
    if stored_media.bytes_in() + size > most * MB:
        log.warning("an upload was refused, because all media together would have more than %d MB", most)
        raise ValidationError(
            _("The pictures and videos of all stores together may have %(most)s MB. Please tell an administrator.")
            % {"most": most}
        )
    free = stored_media.free_bytes()
    if free is not None and free - size < disk_space.bytes_to_keep_free():
        log.warning("an upload was refused, because only %d MB of the disk are free", free // MB)
        raise DiskFull
