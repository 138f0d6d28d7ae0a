"""The fleet page, which shows the states of the screens of all stores of a manager, and the page of one screen."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from zoneinfo import ZoneInfo

from auditlog.models import LogEntry
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from cashier_core.screen_commands import Action
from cashier_web import audit
from cashier_web.accounts import permissions
from cashier_web.fleet.days import DAY, DAYS, days_of
from cashier_web.fleet.overview import matching, screens_of, store_rows, together, with_state
from cashier_web.fleet.screen_calls import last_calls
from cashier_web.infra.errors import allow_methods, refuse
from cashier_web.infra.form_errors import one_line
from cashier_web.infra.rate_limit import seconds_until_allowed
from cashier_web.infra.redis_unavailable import message_without_redis
from cashier_web.infra.request_info import HtmxRequest
from cashier_web.models import Outage, Screen, ScreenState, State, Store
from cashier_web.screens import commands
from cashier_web.screens.watched import is_stale
from cashier_web.store_urls import managed_pages, store_path

STORES_PER_PAGE = 100
MOST_SCREENS = 200
"""If the page is filtered by a state, it lists at most this many screens."""
MOST_OUTAGES = 50
MOST_COMMANDS, COMMANDS_SECONDS = 60, 60
"""A person may send so many commands to screens in so many seconds."""
COMMANDS: dict[Action, tuple[Promise, Callable[[Screen], None]]] = {
    Action.IDENTIFY: (gettext_lazy("“%(name)s” was asked to show its name for 20 seconds."), commands.identify),
    Action.RELOAD: (gettext_lazy("“%(name)s” was asked to load its page again."), commands.reload),
    Action.TEST: (gettext_lazy("“%(name)s” was asked to make a test call."), commands.make_test_call),
}
"""The message to the manager, and the function that sends the command."""
AWAY = {State.OFFLINE, State.LINE_DOWN, State.NEVER_SEEN}
"""The states of screens that are not connected."""


class FilterForm(forms.Form):
    """The parameters in the address of the fleet page. All of them may be missing.

    `text`: a part of the name of a store or a screen. `city`: the city of the stores. `state`: only stores with a
    screen in this state. `version`: only screens with this version of the page. `page`: the number of the page.
    """

    text = forms.CharField(label=gettext_lazy("Store or screen"), max_length=100, required=False)
    city = forms.CharField(label=gettext_lazy("City"), max_length=100, required=False)
    state = forms.ChoiceField(
        label=gettext_lazy("State"), choices=[("", gettext_lazy("all")), *State.choices], required=False
    )
    version = forms.CharField(label=gettext_lazy("Version"), max_length=16, required=False)
    page = forms.IntegerField(min_value=1, max_value=10_000, required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, stores: QuerySet[Store]) -> None:
        super().__init__(data)
        cities = stores.exclude(city="").order_by("city").values_list("city", flat=True).distinct()
        states = ScreenState.objects.filter(screen__store__in=stores, screen__revoked_at=None).exclude(version="")
        versions = states.order_by("version").values_list("version", flat=True).distinct()
        for name, values in (("city", cities), ("version", versions)):
            # A chosen version stays in the list when the last screen has left it.
            chosen = data.get(name, "")[:100]
            choices = dict.fromkeys([*values, *([chosen] if chosen else [])])
            self.fields[name].widget = forms.Select(choices=[("", _("all")), *((each, each) for each in choices)])


def for_managers_of_any_store(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorator for a view that people may use who manage at least one store. Passes their stores to the view."""

    @wraps(view)
    def guarded(request: HttpRequest, **parts: Any) -> HttpResponse:
        if request.method != "POST" and not request.user.is_authenticated:
            return permissions.to_sign_in(request)
        stores = permissions.managed_by(request.user)
        if not stores.exists():
            raise PermissionDenied(_("Only managers of a store can do this."))
        return view(request, stores, **parts)

    return guarded


@never_cache
@allow_methods("GET", "HEAD")
@for_managers_of_any_store
def fleet_page(request: HttpRequest, stores: QuerySet[Store]) -> HttpResponse:
    """Show the states of the screens, those stores first that have the most screens that show no calls.

    The page asks this view for the states again every few seconds.
    """
    form = FilterForm(request.GET, stores)
    if not form.is_valid():
        return refuse(400, one_line(form))
    chosen = form.cleaned_data
    screens = screens_of(matching(stores, chosen["text"], chosen["city"]), chosen["version"])
    rows = store_rows(stores, screens)
    total = together(rows)
    context: dict[str, Any] = {"form": form, "total": total, "path": request.get_full_path(), "is_stale": is_stale()}
    if chosen["state"]:
        state = State(chosen["state"])
        rows = with_state(rows, state)
        found = screens.filter(now__state=state).select_related("now", "store").order_by("store__name", "name")
        listed = list(found[: MOST_SCREENS + 1])
        context |= {"state": state, "screens": listed[:MOST_SCREENS], "most_screens": MOST_SCREENS}
        context["has_more_screens"] = len(listed) > MOST_SCREENS
    page = Paginator(rows, STORES_PER_PAGE).get_page(chosen["page"] or 1)
    links = {"all": query_with(request, state="")}
    if page.has_previous():
        links["previous"] = query_with(request, page=str(page.previous_page_number()))
    if page.has_next():
        links["next"] = query_with(request, page=str(page.next_page_number()))
    numbers = [*total.problems, (State.SHOWING, total.showing)]
    tiles = [(each, number, query_with(request, state=each)) for each, number in numbers]
    return render(request, "cashier_web/fleet.html", {**context, "page": page, "links": links, "tiles": tiles})


def query_with(request: HttpRequest, **changed: str) -> str:
    """Return the query of the requested address with these values, and for the first page, unless `page` is given."""
    query = request.GET.copy()
    query.pop("page", None)
    for name, value in changed.items():
        query[name] = value
    return query.urlencode()


@never_cache
@allow_methods("GET", "HEAD")
@for_managers_of_any_store
def screen_page(request: HtmxRequest, stores: QuerySet[Store], number: int) -> HttpResponse:
    """Show the state of one screen, its outages, and what it has reported about the last calls."""
    screen, store = screen_or_404(stores, number)
    zone, now = ZoneInfo(store.time_zone), timezone.now()
    outages = Outage.objects.filter(screen=screen)
    recent = outages.filter(Q(ends_at=None) | Q(ends_at__gt=now - (DAYS + 1) * DAY))
    with timezone.override(zone):
        context = {
            "screen": screen,
            "store": store,
            "pages": managed_pages(store),
            "screens_path": store_path("screens", store),
            "change_path": store_path("change_screen", store, number=screen.pk),
            "revoke_path": store_path("revoke_screen", store, number=screen.pk),
            "stores": stores,
            "days": days_of(recent, now, zone, screen.changed_at),
            "is_stale": is_stale(),
            "outages": outages[:MOST_OUTAGES],
            "calls": [] if request.htmx else last_calls(screen),  # The page renews only its upper part.
        }
        return render(request, "cashier_web/fleet_screen.html", context)


def screen_or_404(stores: QuerySet[Store], number: int) -> tuple[Screen, Store]:
    """Return a screen of one of these stores, and its store. Raises Http404 if there is no such screen."""
    screens = Screen.objects.select_related("now", "store").filter(store__in=stores, revoked_at=None)
    screen = get_object_or_404(screens, pk=number)
    return screen, cast(Store, screen.store)


@allow_methods("POST")
@for_managers_of_any_store
def command_screen(request: HttpRequest, stores: QuerySet[Store], number: int, action: Action) -> HttpResponse:
    """Send a command to a screen if it is connected, write it into the audit log, and return to the screen's page."""
    screen, _store = screen_or_404(stores, number)
    state = ScreenState.objects.filter(screen=screen).values_list("state", flat=True).first()
    if state in AWAY:
        messages.error(request, _("“%(name)s” is not connected.") % {"name": screen.name})
        return redirect("fleet_screen", screen.pk)
    with message_without_redis(request):
        actor = str(request.user.pk)
        if seconds := seconds_until_allowed("command", actor, most=MOST_COMMANDS, seconds=COMMANDS_SECONDS):
            text = _("These are too many commands. Try again in %(seconds)s seconds.")
            messages.error(request, text % {"seconds": seconds})
        else:
            done, send = COMMANDS[action]
            send(screen)
            audit.note(LogEntry.Action.UPDATE, [(screen, {"command": ("", action.value)})], request.user)
            messages.success(request, str(done) % {"name": screen.name})
    return redirect("fleet_screen", screen.pk)
