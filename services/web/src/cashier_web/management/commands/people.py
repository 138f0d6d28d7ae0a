"""The management command `people`, which imports people from a CSV file and exports them.

`people links` writes the links at which people choose their passwords.
"""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from cashier_web.accounts.people import welcome_path
from cashier_web.accounts.people_csv import PeopleCSV, PersonResource
from cashier_web.infra import csv_table
from cashier_web.management.table_command import ResourceCommand
from cashier_web.models import Store


class Command(ResourceCommand):
    help = (
        "Imports people and their roles from a CSV file, all or nothing, exports them, or writes the links with which "
        "people choose their passwords."
    )
    resource = PersonResource
    format = PeopleCSV

    def add_actions(self, actions: Any) -> None:
        parser: CommandParser = actions.add_parser(
            "links", help="write a link for everybody without a password, as CSV"
        )
        parser.add_argument("site", help="the address of the site, such as https://queue.example.com")
        parser.add_argument("--store", help="write links only for the people of the store with this slug")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action == "links":
            self.stdout.write(links(options["site"].rstrip("/"), options["store"]), ending="")
        else:
            super().handle(*args, action=action, **options)


def links(site: str, store: str | None) -> str:
    """Return a CSV table of all active people who have no password, each with a link to choose a password.

    Each link is valid once, and for 3 days. store: the slug of a store, if the table must contain only the people of
    this store. Raises CommandError if there is no such store.
    """
    people = User.objects.filter(is_active=True).order_by("username")
    if store:
        if not Store.objects.filter(slug=store).exists():
            raise CommandError(f"there is no store {store!r}")
        people = people.filter(memberships__store__slug=store)
    invited = [person for person in people if not person.has_usable_password()]
    rows = [(each.username, f"{site}{welcome_path(each)}") for each in invited]
    return csv_table.write_for_excel(["username", "link"], rows)
