"""The pages for signing in, for changing one's password, and for choosing a password with an invitation."""

import contextlib
from typing import Any

from django.contrib import messages
from django.contrib.auth import views
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from redis.exceptions import RedisError

from cashier_web.accounts.invitations import invitations
from cashier_web.infra.errors import refuse_page, too_many_passwords
from cashier_web.infra.rate_limit import GuessLimit, forget_guess, seconds_until_guess
from cashier_web.infra.redis_unavailable import nothing_changed, refuse_without_redis
from cashier_web.infra.request_info import client_address

OLD_PASSWORDS = GuessLimit("old password", 5, 900)
"""This limit counts the wrong old passwords of one account. The numbers are the same as for the sign-in
(AXES_FAILURE_LIMIT)."""
OLD_PASSWORDS_OF_ADDRESS = GuessLimit("old password of address", 100, 900)
"""This limit counts the wrong old passwords from one client address. A whole chain may share one address."""
WRONG_LINKS = GuessLimit("invitation", 60, 900)
"""This limit counts the links of invitations that do not work, from one client address. A link that works is never
refused: it contains 128 random bits, so nobody can guess it. Somebody who tries many wrong links gets answers with
status 429, which tell him to wait."""


class SignIn(views.LoginView):
    """The page for signing in. A person who is already signed in is redirected to another page.

    The parameter `next` in the address names this other page. If it names the sign-in page itself, the person is
    redirected to the list of stores instead.
    """

    template_name = "cashier_web/form_page.html"
    extra_context = {"heading": gettext_lazy("Sign in")}
    redirect_authenticated_user = True

    def get_success_url(self) -> str:
        url = super().get_success_url()
        return self.get_default_redirect_url() if url.partition("?")[0] == reverse("sign_in") else url


class ChangePassword(views.PasswordChangeView):
    """Changes the password of a person who is signed in. This also ends the person's other sessions."""

    template_name = "cashier_web/form_page.html"
    extra_context = {"heading": gettext_lazy("Change password")}
    success_url = reverse_lazy("stores")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Change the password. Too many wrong old passwords are refused, also if somebody has stolen the session."""
        guessers = [(OLD_PASSWORDS, str(request.user.pk)), (OLD_PASSWORDS_OF_ADDRESS, client_address(request))]
        with refuse_without_redis(nothing_changed()):
            if seconds := seconds_until_guess(*guessers):
                return too_many_passwords(request, seconds)
            form = self.get_form()
            if form.is_valid() or "old_password" not in form.errors:
                forget_guess(*guessers)
        return self.form_valid(form) if form.is_valid() else self.form_invalid(form)

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, _("The password was changed."))
        return super().form_valid(form)


class Welcome(views.PasswordResetConfirmView):
    """The page of an invitation. Whoever has the link can choose the account's password once, and is then signed in."""

    template_name = "cashier_web/form_page.html"
    extra_context = {"heading": gettext_lazy("Choose a password")}
    success_url = reverse_lazy("stores")
    token_generator = invitations
    post_reset_login = True
    post_reset_login_backend = "django.contrib.auth.backends.ModelBackend"

    def get_user(self, uidb64: str) -> Any:
        """Return the invited person, or None. A POST locks the row of the person until the end of the transaction.

        Two requests with the same link then run one after the other, and the second one finds that the link was used.
        """
        person = super().get_user(uidb64)
        if person and self.request.method == "POST":
            return User.objects.select_for_update().filter(pk=person.pk).first()
        return person

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with transaction.atomic():
            response = super().dispatch(request, *args, **kwargs)
        if not self.validlink and isinstance(response, HttpResponse) and response.status_code == 200:
            # If Redis does not answer, the wrong link is not counted, and the person gets the usual page.
            with contextlib.suppress(RedisError):
                if seconds := WRONG_LINKS.count(client_address(request)):
                    reason = _("Too many links that do not work. Try again in %(minutes)s minutes.")
                    return refuse_page(request, 429, reason % {"minutes": -(-seconds // 60)}, seconds)
        return response
