"""The pages for signing in, for changing one's password, and for choosing a password with an invitation."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import views
from django.http import HttpResponse
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cashier_web.accounts.invitations import invitations


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
