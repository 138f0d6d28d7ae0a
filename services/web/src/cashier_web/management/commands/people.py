"""`people import people.csv`, `people export`, and `people links`, with which they choose their passwords."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from cashier_web.accounts.people import welcome_path
from cashier_web.accounts.people_csv import COLUMNS, BadRow, Entry, Roster
from cashier_web.infra import csv_table
from cashier_web.management.table_command import TableCommand, Unfit, total
from cashier_web.models import Store


class Command(TableCommand):
    help = "Brings people and their roles in from a table, all or nothing, or writes that table, or links for them."

    def add_actions(self, actions: Any) -> None:
        links: CommandParser = actions.add_parser("links", help="write a link for all without a password, as CSV")
        links.add_argument("site", help="how it is opened: https://queue.example.com")
        links.add_argument("--store", help="slug of the one store whose people are asked for")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action == "links":
            self.stdout.write(links(options["site"].rstrip("/"), options["store"]), ending="")
        else:
            super().handle(*args, action=action, **options)

    def take(self) -> str:
        roster = Roster()
        people = User.objects.filter(is_superuser=False).order_by("username")
        return csv_table.write(COLUMNS, [list(roster.row(person).values()) for person in people])

    def bring(self, table: str, dry_run: bool) -> Iterator[str]:
        names, rows = csv_table.read(table, COLUMNS, ["username"])
        with transaction.atomic():
            told = save([(line, dict(zip(names, cells, strict=True))) for line, cells in rows])
            transaction.set_rollback(dry_run)
        yield from told
        new = sum(line.endswith(": new") for line in told)
        yield total(new, len(told) - new, len(rows) - len(told), dry_run)


def save(rows: list[tuple[int, dict[str, str]]]) -> list[str]:
    """Make and change the people of these rows; what was changed, a line for each. Raises Unfit."""
    roster = Roster()
    for _line, row in rows:
        row["username"] = User.normalize_username(row["username"])  # as the sign-in reads it
    names = [row["username"] for _line, row in rows]
    known = {person.username: person for person in User.objects.select_for_update().filter(username__in=names)}
    entries: dict[str, Entry] = {}
    reasons: list[str] = []
    for line, row in rows:
        try:
            if row["username"] in entries:
                raise BadRow("this person was in a line before")
            entries[row["username"]] = roster.entry(row, known.get(row["username"]))
        except BadRow as fault:
            reasons += [f"line {line}: {reason}" for reason in fault.args]
    if reasons:
        raise Unfit(reasons)
    return roster.save(entries.values())


def links(site: str, store: str | None) -> str:
    """Of everybody who could sign in but has no password: where to choose one, once, within 3 days."""
    people = User.objects.filter(is_active=True).order_by("username")
    if store:
        if not Store.objects.filter(slug=store).exists():
            raise CommandError(f"there is no store {store!r}")
        people = people.filter(memberships__store__slug=store)
    invited = [person for person in people if not person.has_usable_password()]
    return csv_table.write(["username", "link"], [(each.username, f"{site}{welcome_path(each)}") for each in invited])
