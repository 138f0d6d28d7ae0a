"""Finds out which paired screen a browser is, and whether a browser may show the screen of a store."""

import re
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from cashier_web.accounts import permissions
from cashier_web.infra.tokens import token_hash
from cashier_web.models import Screen, Store

COOKIE = "screen"
COOKIE_DAYS = 400
"""The cookie of a screen is valid for this many days, which is the longest time that browsers allow. The time starts
again whenever the screen loads its page."""
SECRET = re.compile(r"cq_[\w-]{43}", re.ASCII)
SEEN_AT_PRECISION = timedelta(minutes=1)
"""The time at which a screen was last seen (column `seen_at`) is saved at most once per minute."""


def give_cookie(response: HttpResponse, secret: str) -> None:
    """Set the cookie by which web recognises the browser, even after the television was restarted."""
    is_secure = settings.ENVIRONMENT.cashier_https
    response.set_cookie(COOKIE, secret, COOKIE_DAYS * 86_400, httponly=True, samesite="Lax", secure=is_secure)


def paired_screen_of(request: HttpRequest) -> Screen | None:
    """The screen as which this browser was paired, or None. A revoked screen is returned, too.

    Also saves when the screen was last seen.
    """
    secret = request.COOKIES.get(COOKIE, "")
    if not SECRET.fullmatch(secret):
        return None
    screen = Screen.objects.select_related("store").filter(secret_hash=token_hash(secret)).first()
    if screen and (screen.seen_at is None or screen.seen_at < timezone.now() - SEEN_AT_PRECISION):
        Screen.objects.filter(pk=screen.pk).update(seen_at=timezone.now())
    return screen


def may_show(request: HttpRequest, store: Store, screen: Screen | None) -> bool:
    """Whether this browser may show the store's screen.

    A paired browser may show only its own store. Any other browser needs the setting CASHIER_OPEN_SCREENS or a user
    with a role in the store.
    """
    if screen:
        return screen.store_id == store.pk and screen.revoked_at is None
    return settings.ENVIRONMENT.cashier_open_screens or permissions.has_role(request.user, store)
