"""Addresses: the original demo's for the default store, the same under /s/<slug>/ for any other."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import path

from cashier_web import devices, installation, media, pairing, past_calls, people, screens, tills, views
from cashier_web.api import api
from cashier_web.sign_in import ChangePassword, SignIn, Welcome

pages = [
    ("", views.screen, "screen"),
    ("manifest.json", installation.manifest, "manifest"),
    ("cashier_buttons", views.buttons, "buttons"),
    ("cashier_action", views.cashier_action, "press"),
    ("till", tills.till, "till"),
    ("devices", devices.devices, "devices"),
    ("devices/<int:number>", devices.device, "device"),
    ("screens", screens.screens, "screens"),
    ("screens/<int:number>", screens.screen_of, "screen_of"),
    ("media", media.media, "media"),
    ("media/<int:number>", media.medium, "medium"),
    ("logo", media.logo, "logo"),
    ("history", past_calls.history, "history"),
    ("people", people.people, "people"),
    ("people/<int:number>", people.person, "person"),
]
urlpatterns = [
    *(path(page, view, name=name) for page, view, name in pages),
    *(path(f"s/<slug:slug>/{page}", view, name=name) for page, view, name in pages),
    path("worker.js", installation.worker, name="worker"),
    path("sign_in", SignIn.as_view(), name="sign_in"),
    path("sign_out", LogoutView.as_view(), name="sign_out"),
    path("password", ChangePassword.as_view(), name="password"),
    path("welcome/<uidb64>/<token>", Welcome.as_view(), name="welcome"),
    path("stores", views.stores, name="stores"),
    path("pair", pairing.pair, name="pair"),
    path("claim", pairing.claim, name="claim"),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
]

handler400 = "cashier_web.refusals.bad_request"
handler404 = "cashier_web.refusals.not_found"
handler500 = "cashier_web.refusals.server_error"
