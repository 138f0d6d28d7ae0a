"""The access: who may do what in which store."""

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from cashier_web.models import Membership, Role, Store


def is_known(request: HttpRequest) -> bool:
    """Whether the buttons are for this request at all: for everybody where they are open, else for who is signed in."""
    return settings.ENVIRONMENT.cashier_open_buttons or request.user.is_authenticated


def store_for(request: HttpRequest, slug: str, least: Role) -> Store:
    """The store, for somebody who has at least this role in it. Raises Http404, and PermissionDenied with the reason.

    Where buttons are open, everybody is a cashier everywhere.
    """
    if settings.ENVIRONMENT.cashier_open_buttons and least <= Role.CASHIER:
        return get_object_or_404(Store, slug=slug)
    person = request.user
    if not person.is_authenticated:
        raise PermissionDenied(_("Sign in to call: reload this page."))
    if person.is_superuser:
        return get_object_or_404(Store, slug=slug)
    # One query for both: this is on the way of every press.
    membership = Membership.objects.select_related("store").filter(person=person, store__slug=slug).first()
    if membership and membership.role >= least:
        return membership.store
    store = get_object_or_404(Store, slug=slug)
    raise PermissionDenied(_("You can't do this in the store “%(store)s”.") % {"store": store.name})


def stores_of(request: HttpRequest) -> QuerySet[Store]:
    """The stores in which whoever asks may call."""
    if request.user.is_superuser or settings.ENVIRONMENT.cashier_open_buttons:
        return Store.objects.all()
    return Store.objects.filter(memberships__person=request.user.pk, memberships__role__gte=Role.CASHIER)
