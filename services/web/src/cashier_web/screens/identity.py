"""Which paired screen a browser is, and whether this browser may show a store."""

import re
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from cashier_web.accounts import permissions
from cashier_web.infra import tokens
from cashier_web.models import Screen, Store

COOKIE = "screen"
COOKIE_DAYS = 400
"""The longest that browsers keep one; each page that the screen loads begins them anew."""
SECRET = re.compile(r"cq_[\w-]{43}", re.ASCII)
SEEN_EXACTLY = timedelta(minutes=1)


def give_cookie(response: HttpResponse, secret: str) -> None:
    """Let the browser be known again, whatever it is restarted with."""
    is_secure = settings.ENVIRONMENT.cashier_https
    response.set_cookie(COOKIE, secret, COOKIE_DAYS * 86_400, httponly=True, samesite="Lax", secure=is_secure)


def paired_screen_of(request: HttpRequest) -> Screen | None:
    """The screen that this browser was paired as, revoked or not; notes that it was seen."""
    secret = request.COOKIES.get(COOKIE, "")
    if not SECRET.fullmatch(secret):
        return None
    screen = Screen.objects.select_related("store").filter(secret_hash=tokens.token_hash(secret)).first()
    if screen and (screen.seen_at is None or screen.seen_at < timezone.now() - SEEN_EXACTLY):
        Screen.objects.filter(pk=screen.pk).update(seen_at=timezone.now())
    return screen


def may_look(request: HttpRequest, store: Store, screen: Screen | None) -> bool:
    """Whether this browser may show the store; one that was paired shows its own store and nothing else."""
    if screen:
        return screen.store_id == store.pk and screen.revoked_at is None
    return settings.ENVIRONMENT.cashier_open_screens or permissions.has_role(request.user, store)
