"""Addresses: the original demo's for the default store, the same under /s/<slug>/ for any other."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import path

from cashier_web import tills, views
from cashier_web.sign_in import ChangePassword, SignIn

pages = [
    ("", views.screen, "screen"),
    ("cashier_buttons", views.buttons, "buttons"),
    ("cashier_action", views.cashier_action, "press"),
    ("till", tills.till, "till"),
]
urlpatterns = [
    *(path(page, view, name=name) for page, view, name in pages),
    *(path(f"s/<slug:slug>/{page}", view, name=name) for page, view, name in pages),
    path("sign_in", SignIn.as_view(), name="sign_in"),
    path("sign_out", LogoutView.as_view(), name="sign_out"),
    path("password", ChangePassword.as_view(), name="password"),
    path("stores", views.stores, name="stores"),
    path("admin/", admin.site.urls),
]

handler400 = "cashier_web.refusals.bad_request"
handler404 = "cashier_web.refusals.not_found"
handler500 = "cashier_web.refusals.server_error"
