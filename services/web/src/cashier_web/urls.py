"""Addresses: the original demo's for the default store, the same under /s/<slug>/ for any other."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import path

from cashier_web.accounts import my_stores, people
from cashier_web.accounts.sign_in import ChangePassword, SignIn, Welcome
from cashier_web.api.views import api
from cashier_web.calls import buttons, till
from cashier_web.devices import views as devices
from cashier_web.history import views as history
from cashier_web.media import views as media
from cashier_web.screens import manage, page, pairing, pwa

pages = [
    ("", page.screen, "screen"),
    ("manifest.json", pwa.manifest, "manifest"),
    ("cashier_buttons", buttons.buttons_page, "buttons"),
    ("cashier_action", buttons.cashier_action, "press"),
    ("till", till.till_page, "till"),
    ("devices", devices.devices, "devices"),
    ("devices/<int:number>", devices.device, "device"),
    ("screens", manage.screens, "screens"),
    ("screens/<int:number>", manage.screen_of, "screen_of"),
    ("media", media.media, "media"),
    ("media/<int:number>", media.medium, "medium"),
    ("logo", media.logo, "logo"),
    ("history", history.history, "history"),
    ("people", people.people, "people"),
    ("people/<int:number>", people.person, "person"),
]
urlpatterns = [
    *(path(address, view, name=name) for address, view, name in pages),
    *(path(f"s/<slug:slug>/{address}", view, name=name) for address, view, name in pages),
    path("worker.js", pwa.worker, name="worker"),
    path("sign_in", SignIn.as_view(), name="sign_in"),
    path("sign_out", LogoutView.as_view(), name="sign_out"),
    path("password", ChangePassword.as_view(), name="password"),
    path("welcome/<uidb64>/<token>", Welcome.as_view(), name="welcome"),
    path("stores", my_stores.stores, name="stores"),
    path("pair", pairing.pair, name="pair"),
    path("claim", pairing.claim, name="claim"),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
]

handler400 = "cashier_web.infra.errors.bad_request"
handler404 = "cashier_web.infra.errors.not_found"
handler500 = "cashier_web.infra.errors.server_error"
