"""Pairing: a television shows a code, and a manager who enters the code makes the television a screen of a store."""

from typing import Any

import segno
from django import forms
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRedirect

from cashier_web.accounts import permissions
from cashier_web.infra.errors import Refused, allow_methods
from cashier_web.infra.rate_limit import GuessLimit, forget_guess, seconds_until_guess
from cashier_web.infra.redis_unavailable import refuse_without_redis
from cashier_web.infra.request_info import HtmxRequest, client_address
from cashier_web.infra.tokens import new_token, token_hash
from cashier_web.models import Screen, Store
from cashier_web.screens import identity
from cashier_web.screens.manage import NAME_TAKEN
from cashier_web.screens.pairing_codes import CODE_SECONDS, code_for, is_code, redeem_code
from cashier_web.store_urls import store_path
from cashier_web.validators import check_name

CODES_OF_PERSON = GuessLimit("code", 10, CODE_SECONDS)
"""This limit counts the wrong codes that one person enters."""
CODES_OF_ADDRESS = GuessLimit("code of address", 100, CODE_SECONDS)
"""This limit counts the wrong codes that all people at one client address enter."""
CODES_OF_STORE = GuessLimit("code of store", 30, CODE_SECONDS)
"""This limit counts the wrong codes that all people enter for one store.

A manager can create as many accounts as he likes, but all of them belong to his stores. Even if 300 codes are valid, he
would need 680 days on average to guess one of them with all accounts of a store."""


@never_cache
@allow_methods("GET", "HEAD")
def pairing_page(request: HtmxRequest) -> HttpResponse:
    """The page that a television opens. It shows a code until the television is paired, and then the store's screen.

    The page asks this view every 3 s whether the television is paired.
    """
    screen = identity.paired_screen_of(request)
    if screen and screen.store and not screen.revoked_at:
        path = store_path("screen", screen.store)
        return HttpResponseClientRedirect(path) if request.htmx else redirect(path)
    # Until a browser is paired, it keeps the same secret in its cookie. Therefore the browser shows the same code until
    # the code expires. Keeping the secret is safe, because nobody else knows it. The browser of a revoked screen gets a
    # new secret.
    secret = "" if screen else request.COOKIES.get(identity.COOKIE, "")
    has_cookie = bool(identity.SECRET.fullmatch(secret))
    secret = secret if has_cookie else new_token()
    if request.htmx and not has_cookie:
        # web has sent a cookie together with this page, but the browser has not sent the cookie back. Without a cookie,
        # web could not recognise the browser after the pairing, and each poll would create another code. This answer
        # sends a cookie again. If the browser stores it, the next poll gets a code.
        reason = _(
            "This browser does not store cookies, so this screen cannot be paired. Allow cookies in the browser. "
            "If the site uses https, open this page with https."
        )
        return with_cookie(render_code(request, {"reason": reason}), secret)
    try:
        with refuse_without_redis(_("No code is available at the moment. This page tries again by itself.")):
            code = code_for(token_hash(secret), client_address(request))
    except Refused as refused:
        return with_cookie(render_code(request, {"reason": refused.reason}, refused.status), secret)
    if request.htmx and request.GET.get("code") == code:
        return HttpResponse(status=204)
    claim = request.build_absolute_uri(reverse("claim"))
    context = {
        "shown": code,
        "code": f"{code[:3]} {code[3:]}",
        "qr": segno.make(f"{claim}?code={code}", error="m").svg_data_uri(scale=8, border=2, light="white"),
        "site": claim.partition("://")[2],
    }
    return with_cookie(render_code(request, context), secret)


def with_cookie(response: HttpResponse, secret: str) -> HttpResponse:
    """Set the cookie by which web recognises the television, and return the response."""
    identity.give_cookie(response, secret)
    return response


def render_code(request: HtmxRequest, context: dict[str, str], status: int = 200) -> HttpResponse:
    """Render the page with the pairing code. If htmx has sent the request, render only the part that htmx replaces.

    The answer to htmx always has status 200, because htmx does not show an answer with an error status.
    """
    if request.htmx:
        return render(request, "cashier_web/_pairing_code.html", context)
    return render(request, "cashier_web/pairing.html", context, status=status)


class ClaimForm(forms.Form):
    """The form in which a manager enters a code.

    `code`: the code that the television shows. `store`: a store that the person manages. `name`: the name of the new
    screen.
    """

    code = forms.CharField(label=gettext_lazy("Code on the screen"), max_length=20)
    store = forms.ModelChoiceField(Store.objects.none(), label=gettext_lazy("Store"), to_field_name="slug")
    name = forms.CharField(label=gettext_lazy("Name of the screen"), max_length=100)

    def __init__(self, data: Any, stores: QuerySet[Store], **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["store"].queryset = stores  # type: ignore[attr-defined]
        self.fields["code"].widget.attrs |= {"autocomplete": "off", "autocapitalize": "characters"}

    def clean_code(self) -> str:
        code = "".join(self.cleaned_data["code"].upper().replace("-", " ").split())
        if not is_code(code):
            raise ValidationError(_("A code consists of six letters and digits, for example 7KD 2MX."))
        return code

    def clean_name(self) -> str:
        return check_name(self.cleaned_data["name"])

    def clean(self) -> dict[str, Any]:
        store, name = self.cleaned_data.get("store"), self.cleaned_data.get("name")
        if store and name and store.screens.filter(name=name, revoked_at=None).exists():
            self.add_error("name", NAME_TAKEN)
        return self.cleaned_data


@never_cache
@allow_methods("GET", "HEAD", "POST")
def claim_page(request: HttpRequest) -> HttpResponse:
    """The page on which a manager enters a code.

    A POST with `code`, `store` and `name` makes the television a screen of the store.
    """
    if request.method != "POST" and not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    stores = permissions.managed_by(request.user)
    if not stores.exists():
        raise PermissionDenied(_("Only managers of a store can do this."))
    if request.method != "POST":
        first = request.GET.get("store") or stores.values_list("slug", flat=True)[0]
        form = ClaimForm(None, stores, initial={"code": request.GET.get("code", ""), "store": first})
        return render_claim_page(request, form)
    form = ClaimForm(request.POST, stores)
    if form.is_valid():
        try:
            claim_screen(request, **form.cleaned_data)
        except ValidationError as error:
            form.add_error("code", error)
        except IntegrityError:
            # The database has refused the change for one of two reasons. After the form was checked, another request
            # has deleted the store, or has given the name to another screen of the store.
            get_object_or_404(Store, pk=form.cleaned_data["store"].pk)
            form.add_error("name", NAME_TAKEN)
        except Refused as refused:
            return render_claim_page(request, form, refused)
        else:
            messages.success(request, _("“%(name)s” is now a screen of this store.") % form.cleaned_data)
            return redirect(store_path("screens", form.cleaned_data["store"]))
    return render_claim_page(request, form, status=400)


def claim_screen(request: HttpRequest, code: str, store: Store, name: str) -> None:
    """Make the television with this code a screen of the store.

    Raises ValidationError if no television shows this code, and IntegrityError if another screen has this name. Raises
    Refused if too many wrong codes were entered, or if Redis does not answer.
    """
    guessers = [
        (CODES_OF_PERSON, str(request.user.pk)),
        (CODES_OF_ADDRESS, client_address(request)),
        (CODES_OF_STORE, store.slug),
    ]
    with refuse_without_redis(_("The screens cannot be reached at the moment.")):
        if seconds := seconds_until_guess(*guessers):
            reason = _("Too many wrong codes were entered. Try again in %(s)s seconds.")
            raise Refused(429, reason % {"s": seconds}, seconds)
        with transaction.atomic():
            secret_hash = redeem_code(code)
            forget_guess(*guessers)
            create_screen(secret_hash, permissions.lock_store(store), name)


def create_screen(secret_hash: str, store: Store, name: str) -> None:
    """Save a new screen of the store. secret_hash: the hash of the secret in the television's cookie."""
    Screen.objects.create(store=store, name=name, secret_hash=secret_hash)


def render_claim_page(
    request: HttpRequest, form: ClaimForm, refused: Refused | None = None, *, status: int = 200
) -> HttpResponse:
    context = {"form": form, "heading": _("Pair a screen"), "reason": refused.reason if refused else ""}
    response = render(request, "cashier_web/form_page.html", context, status=refused.status if refused else status)
    if refused and refused.retry_after:
        response["Retry-After"] = str(refused.retry_after)
    return response
