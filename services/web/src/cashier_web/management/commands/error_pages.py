"""The management command `error_pages`, which writes the pages that Nginx shows if web cannot answer."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from cashier_web.infra.error_pages import write_error_pages


class Command(BaseCommand):
    help = "Writes the pages that Nginx shows if it refuses a request or if web does not answer."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="the folder error_pages/ beside nginx.conf")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        write_error_pages(folder)
