"""Decides which person may do what in which store."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRefresh

from cashier_core.call import DEFAULT_STORE
from cashier_web.infra.request_info import HtmxRequest
from cashier_web.models import Membership, Role, Store
from cashier_web.press_data.documents import Person
from cashier_web.press_data.lookup import Lookup

STORE_AND_ROLE = """
    SELECT store.*, membership.role
    FROM cashier_web_store store
    LEFT JOIN cashier_web_membership membership ON membership.store_id = store.id AND membership.person_id = %s
    WHERE store.slug = %s
"""
"""The SQL query that reads a store and a person's role in the store. It is written in SQL because every press runs it.
Building the same query with Django's ORM took a sixth of the time of a press."""


def is_known(request: HttpRequest) -> bool:
    """Return whether the person is signed in, or CASHIER_OPEN_BUTTONS says that nobody has to sign in."""
    return settings.ENVIRONMENT.cashier_open_buttons or request.user.is_authenticated


def role_in(request: HttpRequest, slug: str) -> tuple[Store, int]:
    """Return the store, and the role of the requesting person in this store; 0 means no role.

    If CASHIER_OPEN_BUTTONS is set, everybody has the role of a manager. Raises Http404 if there is no such store, and
    PermissionDenied if the person has to sign in first.
    """
    if settings.ENVIRONMENT.cashier_open_buttons:
        return get_object_or_404(Store, slug=slug), Role.MANAGER
    return own_role_in(request, slug)


def own_role_in(request: HttpRequest, slug: str) -> tuple[Store, int]:
    """Return the store, and the role of the requesting person in this store; 0 means no role.

    Everybody has to sign in, even if CASHIER_OPEN_BUTTONS is set. The function `role_in` takes this setting into
    account.
    """
    person = request.user
    if not person.is_authenticated:
        raise PermissionDenied(_("You are not signed in. Reload this page."))
    store = next(iter(Store.objects.raw(STORE_AND_ROLE, [person.pk, slug])), None)
    if store is None:
        raise Http404
    role: int | None = store.role  # type: ignore[attr-defined]  # a column of the query
    return store, Role.MANAGER if person.is_superuser else role or 0


def presser_in(request: HttpRequest, slug: str, lookup: Lookup) -> tuple[Store, Person | None]:
    """Return the store, and the person who presses; None if CASHIER_OPEN_BUTTONS lets everybody press.

    The rows come from the lookup, so the database is usually not needed. Raises Http404 if there is no such store, and
    PermissionDenied if the person is not signed in, or is not at least a cashier in the store.
    """
    store, person = lookup.store(slug), None
    if not settings.ENVIRONMENT.cashier_open_buttons:
        person = lookup.person_of(request)
        if person is None:
            raise PermissionDenied(_("You are not signed in. Reload this page."))
    if store is None:
        raise Http404
    if person:
        require(store, person.role_in(store), Role.CASHIER)
    return store, person


def require(store: Store, role: int, least: Role) -> None:
    """Raise PermissionDenied, with the reason, if a person's role in the store is lower than the role `least`."""
    if role < least:
        raise PermissionDenied(_("You are not allowed to do this in the store “%(store)s”.") % {"store": store.name})


def store_for(request: HttpRequest, slug: str, least: Role) -> Store:
    """Return the store if the requesting person has at least the role `least` in it.

    Raises Http404 if there is no such store, and PermissionDenied if the person is not signed in or has a lower role.
    """
    store, role = role_in(request, slug)
    require(store, role, least)
    return store


def lock_store(store: Store) -> Store:
    """Return the store as it is in the database now, and lock its row. Must be called within a transaction.

    Until the end of the transaction, nobody else can change or delete the store. A value that depends on the store's
    settings must be checked after this call: an administrator may have changed the settings since the request began.
    Raises Http404 if the store was deleted.
    """
    locked: Store = get_object_or_404(Store.objects.select_for_update(no_key=True), pk=store.pk)
    return locked


def for_managers(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorator for a view that only managers of a store may use.

    They must sign in, even if CASHIER_OPEN_BUTTONS is set. The decorator passes the store to the view instead of the
    store's slug. While the view runs, the store's time zone is active.
    """

    @wraps(view)
    def guarded(request: HttpRequest, slug: str = DEFAULT_STORE, **parts: Any) -> HttpResponse:
        if request.method != "POST" and not request.user.is_authenticated:
            return to_sign_in(request)
        store, role = own_role_in(request, slug)
        require(store, role, Role.MANAGER)
        with timezone.override(ZoneInfo(store.time_zone)):
            return view(request, store, **parts)

    return guarded


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Redirect a person who is not signed in.

    A page that renews itself with htmx is reloaded as a whole, because htmx would put the sign-in page into it.
    """
    if cast(HtmxRequest, request).htmx:
        return HttpResponseClientRefresh()
    return redirect_to_login(request.get_full_path())


def managed_by(person: Any) -> QuerySet[Store]:
    """Return the stores in which this person is a manager. A superuser is a manager of all stores.

    The setting CASHIER_OPEN_BUTTONS, which lets everybody press the buttons, does not matter for this list.
    """
    if person.is_superuser:
        return Store.objects.all()
    return Store.objects.filter(memberships__person=person.pk, memberships__role=Role.MANAGER)


def has_role(person: Any, store: Store) -> bool:
    """Return whether this person has any role in the store, or is a superuser."""
    return bool(person.is_superuser) or Membership.objects.filter(person=person.pk, store=store).exists()


def stores_of(request: HttpRequest) -> list[tuple[Store, int]]:
    """Return the stores in which the requesting person has a role, as pairs of a store and the person's role.

    A superuser is a manager in every store. If CASHIER_OPEN_BUTTONS is set, everybody is a manager in every store.
    """
    if request.user.is_superuser or settings.ENVIRONMENT.cashier_open_buttons:
        return [(store, Role.MANAGER) for store in Store.objects.all()]
    memberships = Membership.objects.filter(person=request.user.pk).select_related("store").order_by("store__name")
    return [(each.store, each.role) for each in memberships]
