"""The part of the API with which the programs of an operator read the states of all screens."""

from datetime import date, datetime, timedelta
from typing import Annotated

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from ninja import Field, Query, Router, Schema
from ninja.decorators import decorate_view
from ninja.pagination import LimitOffsetPagination, paginate
from ninja.security import HttpBearer

from cashier_web.api.schemas import Problem
from cashier_web.fleet.certificate import Proven, certificate
from cashier_web.fleet.overview import screens_of, store_rows
from cashier_web.infra.errors import Refused
from cashier_web.infra.rate_limit import seconds_until_allowed
from cashier_web.infra.tokens import token_hash
from cashier_web.models import OperatorToken, Outage, Screen, ScreenState, State, Store
from cashier_web.screens.watched import is_stale

MOST_REQUESTS, IN_SECONDS = 60, 10
USED_AT_PRECISION = timedelta(minutes=1)
MOST_DAYS = 93
REFUSALS = dict.fromkeys((400, 401, 404, 422, 429, 503), Problem)


class Operator(HttpBearer):
    """Accepts an operator token in the header `Authorization: Bearer cq_...`."""

    def authenticate(self, request: HttpRequest, token: str) -> OperatorToken | None:
        found = OperatorToken.objects.filter(token_hash=token_hash(token), revoked_at=None).first()
        if found is None:
            return None
        if seconds := seconds_until_allowed("operator", str(found.pk), most=MOST_REQUESTS, seconds=IN_SECONDS):
            reason = _("This token sends too many requests. It may send %(most)s in %(seconds)s seconds.")
            raise Refused(429, reason % {"most": MOST_REQUESTS, "seconds": IN_SECONDS}, seconds)
        now = timezone.now()
        if found.used_at is None or found.used_at < now - USED_AT_PRECISION:
            OperatorToken.objects.filter(pk=found.pk).update(used_at=now)
        return found


class Pages(LimitOffsetPagination):
    """Divides long lists. The answer contains `items`, and `count`, the number of all items."""

    class Input(Schema):
        limit: Annotated[int, Field(ge=1, le=500)] = 100
        offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0


class FleetStore(Schema):
    """A store and the numbers of its screens. states: how many screens are in each state; "" is not known yet."""

    slug: str
    name: str
    city: str
    screens: int
    states: dict[str, int]


class FleetScreen(Schema):
    """A paired screen. state: "" if the state is not known yet. cause: why it shows no calls; "" if it does.

    since: when the state began; null if the state is not known.
    """

    number: int
    name: str
    store: str
    state: str
    cause: str
    since: datetime | None
    version: str
    browser: str
    width: int
    height: int

    @staticmethod
    def resolve_number(screen: Screen) -> int:
        return screen.pk

    @staticmethod
    def resolve_store(screen: Screen) -> str:
        return screen.store.slug if screen.store else ""

    @staticmethod
    def resolve_state(screen: Screen) -> str:
        return str(now_of(screen).state)

    @staticmethod
    def resolve_cause(screen: Screen) -> str:
        return str(now_of(screen).cause)

    @staticmethod
    def resolve_since(screen: Screen) -> datetime | None:
        return now_of(screen).since

    @staticmethod
    def resolve_version(screen: Screen) -> str:
        return str(now_of(screen).version)

    @staticmethod
    def resolve_browser(screen: Screen) -> str:
        return str(now_of(screen).browser)

    @staticmethod
    def resolve_width(screen: Screen) -> int:
        return int(now_of(screen).width)

    @staticmethod
    def resolve_height(screen: Screen) -> int:
        return int(now_of(screen).height)


NOT_KNOWN = ScreenState(state="", cause="", version="", browser="")


def now_of(screen: Screen) -> ScreenState:
    """Return the state of a screen. If the state is not known yet, its values are empty."""
    found: ScreenState = getattr(screen, "now", NOT_KNOWN)
    return found


class OneOutage(Schema):
    """A time at which a screen could not show calls. until: null as long as it lasts."""

    begins_at: Annotated[datetime, Field(serialization_alias="from")]
    ends_at: Annotated[datetime | None, Field(serialization_alias="until")]
    cause: str


class StoreProof(Schema):
    """What the screens of a store have proven. All times are in milliseconds; null if there is none.

    owed: the numbers that were owed to screens that can report. painted, missing: those that were painted or not.
    unknown: the numbers on screens that cannot report. unpaired: the numbers on screens that are not paired; they count
    nowhere else. unproven: the calls about which nothing is known.
    missing_on: how many numbers are missing on each screen, by the name of the screen.
    """

    store: str
    calls: int
    unproven: int
    owed: int
    painted: int
    missing: int
    unknown: int
    unpaired: int
    paint_p50: int | None
    paint_p99: int | None
    paint_worst: int | None
    removed_late: int
    removed_early: int
    removal_worst: int | None
    missing_on: dict[str, int]

    @classmethod
    def from_proven(cls, proven: Proven) -> "StoreProof":
        return cls(
            store=proven.slug,
            calls=proven.calls,
            unproven=proven.unproven,
            owed=proven.owed,
            painted=proven.painted,
            missing=proven.missing,
            unknown=proven.unknown,
            unpaired=proven.unpaired,
            paint_p50=proven.p50,
            paint_p99=proven.p99,
            paint_worst=proven.worst_paint,
            removed_late=proven.late,
            removed_early=proven.early,
            removal_worst=proven.worst_removal,
            missing_on=dict(proven.missing_names),
        )


class Period(Schema):
    """Some days in the time zones of the stores."""

    first: Annotated[date, Field(alias="from", description="The first day, such as 2026-11-01.")]
    last: Annotated[date, Field(alias="to", description="The last day.")]


router = Router(auth=Operator(), tags=["fleet"])


def refuse_old_states() -> None:
    """Raise Refused if the states of the screens may be old."""
    if is_stale():
        raise Refused(503, _("The states of the screens may be old, because the service “tasks” does not run."))


@router.get("stores", response={200: list[FleetStore], **REFUSALS}, summary="The states of the screens of each store")
@decorate_view(never_cache)
@paginate(Pages)
def fleet_stores(request: HttpRequest) -> list[FleetStore]:
    """The stores with the most screens that show no calls come first. Stores without screens are left out.

    The status is 503 if nobody has watched the screens for 30 seconds, because their states may be old.
    """
    refuse_old_states()
    stores = Store.objects.all()
    return [
        FleetStore(
            slug=row.store.slug,
            name=row.store.name,
            city=row.store.city,
            screens=row.tally.total,
            states={state or "": number for state, number in row.tally.counts.items()},
        )
        for row in store_rows(stores, screens_of(stores, ""))
    ]


@router.get("screens", response={200: list[FleetScreen], **REFUSALS}, summary="The screens of all stores")
@decorate_view(never_cache)
@paginate(Pages)
def fleet_screens(request: HttpRequest, state: State | None = None, store: str | None = None) -> QuerySet[Screen]:
    """state: only screens in this state. store: only screens of the store with this slug.

    The status is 503 if nobody has watched the screens for 30 seconds, because their states may be old.
    """
    refuse_old_states()
    screens = screens_of(Store.objects.all(), "").select_related("now", "store").order_by("pk")
    if state:
        screens = screens.filter(now__state=state)
    if store:
        screens = screens.filter(store__slug=store)
    return screens


@router.get(
    "screens/{number}/outages",
    response={200: list[OneOutage], **REFUSALS},
    by_alias=True,
    summary="Outages of a screen",
)
@decorate_view(never_cache)
@paginate(Pages)
def fleet_outages(request: HttpRequest, number: int) -> QuerySet[Outage]:
    """The newest outage comes first."""
    screen = get_object_or_404(Screen, pk=number)
    return Outage.objects.filter(screen=screen)


@router.get("proof", response={200: list[StoreProof], **REFUSALS}, summary="What the screens have proven on some days")
@decorate_view(never_cache)
@paginate(Pages)
def fleet_proof(request: HttpRequest, period: Query[Period]) -> list[StoreProof]:
    """Stores without calls on these days are left out. At most 93 days are possible."""
    if not timedelta() <= period.last - period.first < timedelta(days=MOST_DAYS):
        raise Refused(422, _("“to” must not be before “from”, and at most 92 days later."))
    _total, rows = certificate(Store.objects.all(), period.first, period.last)
    return [StoreProof.from_proven(each) for each in rows]
