"""The management command `revocations`. With it, `make restore` revokes again what was revoked after the backup."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from cashier_web.accounts import sessions
from cashier_web.management import revocations
from cashier_web.press_data import redis_documents


class Command(BaseCommand):
    help = "Saves who and what may use cashier_q, or compares the database with a saved state and revokes again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "action", choices=["save", "keep"], help="save: to standard output; keep: from standard input"
        )

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action == "save":
            # str() writes a time with its microseconds. The encoder of Django would write only milliseconds, and
            # `keep_devices` would then not recognise a device by the time at which it was made.
            json.dump(revocations.current_state(), self.stdout, default=str)
            return
        state = json.load(sys.stdin)
        with transaction.atomic():
            for line in revocations.keep_revoked(state):
                self.stdout.write(line)
        # The documents and sessions in Redis belong to the database that the backup has replaced.
        redis_documents.delete_all()
        sessions.delete_sessions_in_redis()
