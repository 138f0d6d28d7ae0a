"""The certificate: what the screens of each store, and of all stores together, have proven on some days."""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import QuerySet

from cashier_web.fleet.latencies import percentile_ms, together
from cashier_web.models import ProofDay, Screen, Store

COLUMNS = [
    *("store", "name", "days", "calls", "calls_without_proof", "owed", "painted", "missing", "without_information"),
    *("paint_p50_ms", "paint_p99_ms", "paint_worst_ms", "removed_late", "removed_early", "removal_worst_ms"),
    "missing_on",
]
"""The columns of the CSV file."""


@dataclass
class Proven:
    """What the screens of one store, or of all stores, have proven. The attributes are those of ProofDay.

    store: None for all stores. missing_on: the names of screens, and how many numbers are missing on each.
    """

    store: Store | None
    days: Sequence[ProofDay]
    missing_on: list[tuple[str, int]] = field(default_factory=list)

    def total(self, column: str) -> int:
        return sum(getattr(each, column) for each in self.days)

    @property
    def calls(self) -> int:
        return self.total("calls")

    @property
    def unproven(self) -> int:
        return self.total("unproven")

    @property
    def painted(self) -> int:
        return self.total("painted")

    @property
    def missing(self) -> int:
        return self.total("missing")

    @property
    def unknown(self) -> int:
        return self.total("unknown")

    @property
    def owed(self) -> int:
        """How many numbers were owed to screens that can report."""
        return self.painted + self.missing

    @property
    def late(self) -> int:
        return self.total("late")

    @property
    def early(self) -> int:
        return self.total("early")

    @property
    def p50(self) -> int | None:
        return self._percentile(50)

    @property
    def p99(self) -> int | None:
        return self._percentile(99)

    @property
    def worst_paint(self) -> int | None:
        return max((each.worst_paint_ms for each in self.days if each.worst_paint_ms is not None), default=None)

    @property
    def worst_removal(self) -> int | None:
        return max((each.worst_removal_ms for each in self.days if each.worst_removal_ms is not None), default=None)

    @property
    def row(self) -> list[object]:
        """The values of COLUMNS. A value that is not known is empty."""
        names = "; ".join(f"{name}: {number}" for name, number in self.missing_on)
        values = [self.p50, self.p99, self.worst_paint, self.late, self.early, self.worst_removal]
        return [
            *((self.store.slug, self.store.name) if self.store else ("", "")),
            len({each.day for each in self.days}),
            *(self.calls, self.unproven, self.owed, self.painted, self.missing, self.unknown),
            *("" if value is None else value for value in values),
            names,
        ]

    def _percentile(self, percent: float) -> int | None:
        found = percentile_ms(together(each.paint_buckets for each in self.days), percent)
        # A percentile is rounded up, but it is never larger than the largest time.
        return None if found is None or self.worst_paint is None else min(found, self.worst_paint)


def certificate(stores: QuerySet[Store], first: date, last: date) -> tuple[Proven, list[Proven]]:
    """Return what all these stores together have proven on some days, and what each store has proven.

    first, last: the first and the last day. Stores without calls on these days are left out.
    """
    days = ProofDay.objects.filter(store__in=stores, day__gte=first, day__lte=last)
    of_stores: dict[int, list[ProofDay]] = {}
    for each in days.select_related("store").order_by("store__name", "store__slug", "day"):
        of_stores.setdefault(each.store_id, []).append(each)
    all_days = [each for of_store in of_stores.values() for each in of_store]
    names = names_of(all_days)
    rows = [Proven(of_store[0].store, of_store, missing_names(of_store, names)) for of_store in of_stores.values()]
    return Proven(None, all_days), rows


def last_of_month(first: date) -> date:
    """Return the last day of a month. first: its first day."""
    return first.replace(day=monthrange(first.year, first.month)[1])


def names_of(days: Iterable[ProofDay]) -> dict[str, str]:
    """Return the names of the screens on which numbers are missing, by primary key."""
    keys = {key for each in days for key in each.missing_on if key}
    names: list[Any] = list(Screen.objects.filter(pk__in=keys).values_list("pk", "name"))
    return {str(key): name for key, name in names}


def missing_names(days: Iterable[ProofDay], names: dict[str, str]) -> list[tuple[str, int]]:
    """Return the names of the screens on which numbers are missing, and how many, those with the most first.

    The name "" stands for all screens that have no name, because they are not paired.
    """
    numbers: Counter[str] = Counter()
    for each in days:
        for key, number in each.missing_on.items():
            numbers[names.get(key, "")] += number
    return numbers.most_common()
