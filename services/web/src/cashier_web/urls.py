"""Addresses: the original demo's for the default store, the same under /s/<slug>/ for any other."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.urls import path, reverse_lazy

from cashier_web import views

pages = [
    ("", views.screen, "screen"),
    ("cashier_buttons", views.buttons, "buttons"),
    ("cashier_action", views.cashier_action, "press"),
]
urlpatterns = [
    *(path(page, view, name=name) for page, view, name in pages),
    *(path(f"s/<slug:slug>/{page}", view, name=name) for page, view, name in pages),
    path(
        "sign_in",
        LoginView.as_view(template_name="cashier_web/sign_in.html", redirect_authenticated_user=True),
        name="sign_in",
    ),
    path("sign_out", LogoutView.as_view(), name="sign_out"),
    path(
        "password",
        PasswordChangeView.as_view(template_name="cashier_web/password.html", success_url=reverse_lazy("stores")),
        name="password",
    ),
    path("stores", views.stores, name="stores"),
    path("admin/", admin.site.urls),
]

handler400 = "cashier_web.refusals.bad_request"
handler404 = "cashier_web.refusals.not_found"
handler500 = "cashier_web.refusals.server_error"
