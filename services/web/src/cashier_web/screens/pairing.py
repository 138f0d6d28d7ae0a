"""The pairing: a television shows a code, and a manager who enters it makes it a store's screen."""

import secrets
from typing import Any, cast

import segno
from django import forms
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRedirect
from redis.exceptions import RedisError

from cashier_web.accounts import permissions
from cashier_web.infra import metrics, tokens
from cashier_web.infra.errors import Refused, allow_methods
from cashier_web.infra.rate_limit import seconds_until_allowed
from cashier_web.infra.redis_clients import the_redis
from cashier_web.infra.request_info import client_address
from cashier_web.models import Screen, Store
from cashier_web.screens import identity, manage
from cashier_web.store_urls import store_path
from cashier_web.validators import check_name

LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without those that are read for one another: 0 and O, 1 and I and L."""
LENGTH = 6
CODE_SECONDS, KNOWN_SECONDS = 600, 86_400
MOST_TRIES, MOST_CODES = 10, 300
"""In these 600 seconds: codes that one person may enter, and that may be shown behind one address. With 300 codes out,
one person needs 2,000 days on average to guess one."""


def code_for(secret_hash: str, asker: str) -> str:
    """The code that this television shows now, or a new one. Raises Refused and RedisError."""
    redis = the_redis()
    own = f"cashier:pairing:{secret_hash}"
    known = cast(bytes | None, redis.get(own))
    if known and redis.exists(f"cashier:code:{known.decode()}"):
        return known.decode()
    # One that has been here for a while has a limit of its own, whatever goes on behind its address.
    who, most = (secret_hash, 3) if known else (asker, MOST_CODES)
    if seconds := seconds_until_allowed("codes", who, most=most, seconds=CODE_SECONDS):
        raise Refused(429, _("Too many screens are being paired from here: wait a while."), seconds)
    while True:
        code = "".join(secrets.choice(LETTERS) for _letter in range(LENGTH))
        if redis.set(f"cashier:code:{code}", secret_hash, nx=True, ex=CODE_SECONDS):
            redis.set(own, code, ex=KNOWN_SECONDS)
            return code


def take(code: str) -> str:
    """The television that shows this code; the code is good no more. Raises ValidationError and RedisError."""
    found = cast(bytes | None, the_redis().getdel(f"cashier:code:{code}"))
    if found is None:
        raise ValidationError(_("No screen shows this code, or not any more."))
    return found.decode()


@never_cache
@allow_methods("GET", "HEAD")
def pair(request: HttpRequest) -> HttpResponse:
    """What a television opens: a code until it is paired, then its store's screen. Asks again by itself."""
    screen = identity.paired_screen_of(request)
    if screen and screen.store and not screen.revoked_at:
        path = store_path("screen", screen.store)
        return HttpResponseClientRedirect(path) if request.headers.get("HX-Request") else redirect(path)
    # Nobody else has been told of a secret that isn't a screen's yet; one that was revoked begins anew.
    secret = "" if screen else request.COOKIES.get(identity.COOKIE, "")
    secret = secret if identity.SECRET.fullmatch(secret) else tokens.new_token()
    try:
        code = code_for(tokens.token_hash(secret), client_address(request))
    except Refused as refused:
        return show_code(request, {"reason": refused.reason}, refused.status)
    except RedisError:
        metrics.REDIS_ERRORS.inc()
        return show_code(request, {"reason": _("No code can be made just now: this page tries again.")}, 503)
    if request.headers.get("HX-Request") and request.GET.get("code") == code:
        return HttpResponse(status=204)
    claim = request.build_absolute_uri(reverse("claim"))
    told = {
        "shown": code,
        "code": f"{code[:3]} {code[3:]}",
        "qr": segno.make(f"{claim}?code={code}", error="m").svg_data_uri(scale=8, border=2, light="white"),
        "site": claim.partition("://")[2],
    }
    response = show_code(request, told)
    identity.give_cookie(response, secret)
    return response


def show_code(request: HttpRequest, told: dict[str, str], status: int = 200) -> HttpResponse:
    """The page, or what takes its place on it; which htmx shows only if it is told to be well."""
    if request.headers.get("HX-Request"):
        return render(request, "cashier_web/_code.html", told)
    return render(request, "cashier_web/pair.html", told, status=status)


class ClaimForm(forms.Form):
    """`code`: as a screen shows it; `store`: one of those that this person manages; `name`: of the screen there."""

    code = forms.CharField(label=gettext_lazy("Code on the screen"), max_length=20)
    store = forms.ModelChoiceField(Store.objects.none(), label=gettext_lazy("Store"), to_field_name="slug")
    name = forms.CharField(label=gettext_lazy("Name of the screen"), max_length=100)

    def __init__(self, data: Any, stores: QuerySet[Store], **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["store"].queryset = stores  # type: ignore[attr-defined]
        self.fields["code"].widget.attrs |= {"autocomplete": "off", "autocapitalize": "characters"}

    def clean_code(self) -> str:
        code = "".join(self.cleaned_data["code"].upper().replace("-", " ").split())
        if len(code) != LENGTH or not set(code) <= set(LETTERS):
            raise ValidationError(_("A code has six letters and digits, like 7KD 2MX."))
        return code

    def clean_name(self) -> str:
        return check_name(self.cleaned_data["name"])

    def clean(self) -> dict[str, Any]:
        store, name = self.cleaned_data.get("store"), self.cleaned_data.get("name")
        if store and name and store.screens.filter(name=name, revoked_at=None).exists():
            self.add_error("name", manage.TAKEN)
        return self.cleaned_data


@never_cache
@allow_methods("GET", "HEAD", "POST")
def claim(request: HttpRequest) -> HttpResponse:
    """Where a manager enters the code. Posting `code`, `store` and `name` makes the television that store's screen."""
    if request.method != "POST" and not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    stores = permissions.managed_by(request.user)
    if not stores.exists():
        raise PermissionDenied(_("Only a store's manager can do this."))
    if request.method != "POST":
        first = request.GET.get("store") or stores.values_list("slug", flat=True)[0]
        form = ClaimForm(None, stores, initial={"code": request.GET.get("code", ""), "store": first})
        return show(request, form)
    form = ClaimForm(request.POST, stores)
    if form.is_valid():
        try:
            if seconds := seconds_until_allowed("claim", f"{request.user.pk}", most=MOST_TRIES, seconds=CODE_SECONDS):
                response = show(request, form, 429, _("Too many codes: try again in %(s)s seconds.") % {"s": seconds})
                response["Retry-After"] = str(seconds)
                return response
            store, name = form.cleaned_data["store"], form.cleaned_data["name"]
            with transaction.atomic():
                adopt(take(form.cleaned_data["code"]), store, name)
        except ValidationError as fault:
            form.add_error("code", fault)
        except IntegrityError:  # two at once
            form.add_error("name", manage.TAKEN)
        except RedisError:
            metrics.REDIS_ERRORS.inc()
            return show(request, form, 503, _("The screens can't be reached just now."))
        else:
            messages.success(request, _("“%(name)s” is a screen of this store now.") % {"name": name})
            return redirect(store_path("screens", store))
    return show(request, form, 400)


def adopt(secret_hash: str, store: Store, name: str) -> None:
    """Make the television with this cookie the store's screen."""
    Screen.objects.create(store=store, name=name, secret_hash=secret_hash)


def show(request: HttpRequest, form: ClaimForm, status: int = 200, reason: str = "") -> HttpResponse:
    told = {"form": form, "heading": _("Pair a screen"), "reason": reason}
    return render(request, "cashier_web/account.html", told, status=status)
