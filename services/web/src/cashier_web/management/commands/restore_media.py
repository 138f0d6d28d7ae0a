"""The management command `restore_media`, with which `make restore` adds the media of a backup."""

import sys
import tarfile
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cashier_web.infra.media_storage import MediaUnavailable
from cashier_web.media.archive import restore_files


class Command(BaseCommand):
    help = "Adds the pictures and videos of a tar archive (standard input) to those that are there."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            new = restore_files(sys.stdin.buffer)
        except (OSError, MediaUnavailable, tarfile.TarError) as error:
            raise CommandError(f"the pictures and videos cannot be restored completely: {error}") from None
        self.stdout.write(f"{new} pictures and videos were restored.")
