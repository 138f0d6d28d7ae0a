"""Counts the screens of stores by their states, and sorts the stores, those with the most broken screens first."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from cashier_web.models import Screen, Severity, State, Store
from cashier_web.store_urls import store_path

ORDER = [Severity.BAD, Severity.WARNING, Severity.NONE, Severity.GOOD]
"""The order of the parts of a bar."""


@dataclass(frozen=True)
class BarPart:
    """A part of a bar: where it begins and how long it is, in percent of the bar."""

    severity: Severity
    begin: float
    length: float


@dataclass(frozen=True)
class Tally:
    """How many screens are in each state. `None` stands for screens whose state is not known yet."""

    counts: Counter[State | None]

    @property
    def total(self) -> int:
        return self.counts.total()

    def of(self, severity: Severity) -> int:
        return sum(number for state, number in self.counts.items() if severity_of(state) == severity)

    @property
    def showing(self) -> int:
        return self.counts[State.SHOWING]

    @property
    def bad(self) -> int:
        return self.of(Severity.BAD)

    @property
    def problems(self) -> list[tuple[State, int]]:
        """The states other than "showing calls", the worst first, and how many screens are in each."""
        states = [each for each in State if self.counts[each] and each != State.SHOWING]
        return [(each, self.counts[each]) for each in sorted(states, key=lambda each: ORDER.index(each.severity))]

    @property
    def unknown(self) -> int:
        """The number of screens whose state is not known yet."""
        return self.counts[None]

    @property
    def bar(self) -> list[BarPart]:
        parts, begin = [], 0.0
        for severity in ORDER:
            length = 100 * self.of(severity) / max(self.total, 1)
            if length:
                parts.append(BarPart(severity, round(begin, 2), round(length, 2)))
            begin += length
        return parts


@dataclass(frozen=True)
class StoreRow:
    """A store and the states of its screens."""

    store: Store
    tally: Tally

    @property
    def path(self) -> str:
        """The path of the page with the screens of the store."""
        return store_path("screens", self.store)


def severity_of(state: State | None) -> Severity:
    return state.severity if state else Severity.NONE


def screens_of(stores: QuerySet[Store], version: str) -> QuerySet[Screen]:
    """Return the screens of these stores that are not revoked. version: if not "", only screens with this version."""
    screens = Screen.objects.filter(store__in=stores, revoked_at=None)
    return screens.filter(now__version=version) if version else screens


def matching(stores: QuerySet[Store], text: str, city: str) -> QuerySet[Store]:
    """Return the stores of a city whose name or slug contains a text, or the name of one of whose screens does."""
    if city:
        stores = stores.filter(city=city)
    if text:
        named = Screen.objects.filter(name__icontains=text, revoked_at=None).values("store")
        stores = stores.filter(Q(name__icontains=text) | Q(slug__icontains=text) | Q(pk__in=named))
    return stores


def store_rows(stores: Iterable[Store], screens: QuerySet[Screen]) -> list[StoreRow]:
    """Return the stores that have at least one of the screens, those with the most broken screens first."""
    counts: defaultdict[int | None, Counter[State | None]] = defaultdict(Counter)
    numbers = screens.order_by().values_list("store", "now__state").annotate(number=Count("pk"))
    for store, state, number in numbers:
        counts[store][State(state) if state else None] += number
    rows = [StoreRow(store, Tally(counts[store.pk])) for store in stores if store.pk in counts]
    return sorted(rows, key=lambda row: (-row.tally.bad, -row.tally.of(Severity.WARNING)))


def with_state(rows: Sequence[StoreRow], state: State) -> list[StoreRow]:
    """Return the stores that have a screen in this state, those with the most such screens first."""
    found = [row for row in rows if row.tally.counts[state]]
    return sorted(found, key=lambda row: -row.tally.counts[state])


def together(rows: Iterable[StoreRow]) -> Tally:
    """Return the sums over all stores."""
    total: Counter[State | None] = Counter()
    for row in rows:
        total.update(row.tally.counts)
    return Tally(total)
