"""The certificate: what the screens of each store, and of all stores together, have proven on some days."""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import QuerySet

from cashier_web.fleet.latencies import percentile_ms
from cashier_web.models import ProofDay, Screen, Store

COLUMNS = [
    *(
        "store",
        "name",
        "days",
        "calls",
        "calls_without_proof",
        "owed",
        "painted",
        "missing",
        "without_information",
        "unpaired",
    ),
    *("paint_p50_ms", "paint_p99_ms", "paint_worst_ms", "removed_late", "removed_early", "removal_worst_ms"),
    "missing_on",
]
"""The columns of the CSV file."""


@dataclass
class Proven:
    """What the screens of one store, or of all stores, have proven on some days. The attributes are those of ProofDay.

    slug, name: of the store; "" for all stores together. days: the number of days with calls.
    missing_on: how many numbers are missing on each screen, by the primary key of the screen.
    """

    slug: str = ""
    name: str = ""
    days: int = 0
    calls: int = 0
    unproven: int = 0
    painted: int = 0
    missing: int = 0
    unknown: int = 0
    unpaired: int = 0
    late: int = 0
    early: int = 0
    worst_paint: int | None = None
    worst_removal: int | None = None
    buckets: Counter[int] = field(default_factory=Counter)
    missing_on: Counter[str] = field(default_factory=Counter)
    missing_names: list[tuple[str, int]] = field(default_factory=list)
    """The names of the screens on which numbers are missing, and how many, those with the most first."""

    @property
    def owed(self) -> int:
        """How many numbers were owed to screens that can report."""
        return self.painted + self.missing

    @property
    def p50(self) -> int | None:
        return self._percentile(50)

    @property
    def p99(self) -> int | None:
        return self._percentile(99)

    @property
    def row(self) -> list[object]:
        """The values of COLUMNS. A value that is not known is empty."""
        values = [self.p50, self.p99, self.worst_paint, self.late, self.early, self.worst_removal]
        return [
            *(self.slug, self.name, self.days, self.calls, self.unproven),
            *(self.owed, self.painted, self.missing, self.unknown, self.unpaired),
            *("" if value is None else value for value in values),
            "; ".join(f"{name}: {number}" for name, number in self.missing_names),
        ]

    def add(self, day: dict[str, Any]) -> None:
        """Add one day. day: the values of a ProofDay."""
        self.days += 1
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + day[name])
        self.worst_paint = largest(self.worst_paint, day["worst_paint_ms"])
        self.worst_removal = largest(self.worst_removal, day["worst_removal_ms"])
        for bucket, number in day["paint_buckets"].items():
            self.buckets[int(bucket)] += number
        self.missing_on.update(day["missing_on"])

    def _percentile(self, percent: float) -> int | None:
        found = percentile_ms(self.buckets, percent)
        # A percentile is rounded up, but it is never larger than the largest time.
        return None if found is None or self.worst_paint is None else min(found, self.worst_paint)


NUMBERS = ("calls", "unproven", "painted", "missing", "unknown", "unpaired", "late", "early")


def largest(*values: int | None) -> int | None:
    return max((value for value in values if value is not None), default=None)


def certificate(stores: QuerySet[Store], first: date, last: date) -> tuple[Proven, list[Proven]]:
    """Return what all these stores together have proven on some days, and what each store has proven.

    first, last: the first and the last day. Stores without calls on these days are left out.
    """
    days = ProofDay.objects.filter(store__in=stores, day__gte=first, day__lte=last)
    columns = ("worst_paint_ms", "worst_removal_ms", "paint_buckets", "missing_on", "store__slug", "store__name")
    total, rows = Proven(), dict[str, Proven]()
    for day in days.order_by("store__name", "store__slug").values(*NUMBERS, *columns).iterator():
        slug = day["store__slug"]
        row = rows.setdefault(slug, Proven(slug, day["store__name"]))
        row.add(day)
        total.add(day)
    names = names_of(rows.values())
    for row in rows.values():
        row.missing_names = [(names.get(key, key), number) for key, number in row.missing_on.most_common()]
    return total, list(rows.values())


def last_of_month(first: date) -> date:
    """Return the last day of a month. first: its first day."""
    return first.replace(day=monthrange(first.year, first.month)[1])


def names_of(rows: Iterable[Proven]) -> dict[str, str]:
    """Return the names of the screens on which numbers are missing, by primary key."""
    keys = {int(key) for each in rows for key in each.missing_on}
    return {str(key): name for key, name in Screen.objects.filter(pk__in=keys).values_list("pk", "name")}
