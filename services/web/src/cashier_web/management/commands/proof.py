"""The management command `proof`, which writes the certificate of a month as CSV."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cashier_web.fleet.certificate import COLUMNS, certificate, last_of_month
from cashier_web.fleet.certificate_views import parse_month
from cashier_web.infra import csv_table
from cashier_web.models import Store


class Command(BaseCommand):
    help = "Write what the screens of each store have proven in a month, as CSV to standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("month", help="for example 2026-11")

    def handle(self, *args: Any, month: str, **options: Any) -> None:
        try:
            first_day = parse_month(month)
        except ValueError:
            raise CommandError(f"{month!r} is not a month such as 2026-11") from None
        _total, rows = certificate(Store.objects.all(), first_day, last_of_month(first_day))
        self.stdout.write(csv_table.write(COLUMNS, [each.row for each in rows]), ending="")
