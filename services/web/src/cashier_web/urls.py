"""The URLs of all pages.

The default store has the URLs of the original demo. Any other store has the same URLs under /s/<slug>/.
"""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import path
from django.views.generic import RedirectView

from cashier_web import old_form_urls
from cashier_web.accounts import my_stores, people
from cashier_web.accounts.may_upload import may_upload
from cashier_web.accounts.sign_in import ChangePassword, SignIn, Welcome
from cashier_web.alarms import views as alarms
from cashier_web.api.views import api
from cashier_web.calls import buttons, till
from cashier_web.devices import views as devices
from cashier_web.fleet import certificate_views
from cashier_web.fleet import views as fleet
from cashier_web.history import views as history
from cashier_web.media import views as media
from cashier_web.screens import manage, page, pairing, pwa
from cashier_web.stores import hours_page

STORE_PAGES = [
    ("", page.screen_page, "screen"),
    ("manifest.json", pwa.manifest, "manifest"),
    ("cashier_buttons", buttons.buttons_page, "buttons"),
    ("cashier_action", buttons.cashier_action, "press"),
    ("till", till.till_page, "till"),
    ("devices", devices.devices_page, "devices"),
    ("devices/<int:number>/renew", devices.renew_device, "renew_device"),
    ("devices/<int:number>/revoke", devices.revoke_device, "revoke_device"),
    ("screens", manage.screens_page, "screens"),
    ("screens/<int:number>/change", manage.change_screen, "change_screen"),
    ("screens/<int:number>/revoke", manage.revoke_screen, "revoke_screen"),
    ("hours", hours_page.hours_page, "hours"),
    ("hours/open", hours_page.open_store, "open_store"),
    ("hours/close", hours_page.close_store, "close_store"),
    ("media", media.media_page, "media"),
    ("media/<int:number>/change", media.change_seconds, "change_medium"),
    ("media/<int:number>/up", media.move_medium_up, "move_medium_up"),
    ("media/<int:number>/down", media.move_medium_down, "move_medium_down"),
    ("media/<int:number>/delete", media.delete_medium, "delete_medium"),
    ("logo", old_form_urls.logo, "logo"),
    ("logo/remove", media.remove_logo, "remove_logo"),
    ("history", history.history_page, "history"),
    ("people", people.people_page, "people"),
    ("people/<int:number>/change", people.change_role, "change_role"),
    ("people/<int:number>/remove", people.remove_person, "remove_person"),
    ("people/<int:number>/link", people.link_person, "link_person"),
    *old_form_urls.PAGES,
]
"""The path, the view and the name of each page of a store.

The pages of the default store have these paths. For any other store, /s/<slug>/ is put before the path.
"""

urlpatterns = [
    *(path(address, view, name=name) for address, view, name in STORE_PAGES),
    *(path(f"s/<slug:slug>/{address}", view, name=name) for address, view, name in STORE_PAGES),
    path("worker.js", pwa.service_worker, name="worker"),
    path("sign_in", SignIn.as_view(), name="sign_in"),
    path("sign_out", LogoutView.as_view(), name="sign_out"),
    path("password", ChangePassword.as_view(), name="password"),
    path("welcome/<uidb64>/<token>", Welcome.as_view(), name="welcome"),
    path("media/<int:number>/<str:name>", media.media_file, name="media_file"),
    path("may_upload", may_upload, name="may_upload"),
    path("stores", my_stores.stores, name="stores"),
    path("fleet", fleet.fleet_page, name="fleet"),
    path("fleet/proof", certificate_views.certificate_page, name="fleet_proof"),
    path("fleet/proof.csv", certificate_views.certificate_csv, name="fleet_proof_csv"),
    path("fleet/screens/<int:number>", fleet.screen_page, name="fleet_screen"),
    *(
        path(f"fleet/screens/<int:number>/{action}", fleet.command_screen, {"action": action}, name=f"{action}_screen")
        for action in fleet.COMMANDS
    ),
    path("fleet/alarms", alarms.alarms_page, name="alarms"),
    path("fleet/alarms/<int:number>/acknowledge", alarms.acknowledge_alarm, name="acknowledge_alarm"),
    path("fleet/alarms/<int:number>/mute", alarms.mute_alarm, name="mute_alarm"),
    path("fleet/alarms/mutes/<int:number>/end", alarms.end_mute, name="end_mute"),
    path("fleet/alarms/contacts", alarms.add_contact, name="add_contact"),
    path("fleet/alarms/contacts/<int:number>/remove", alarms.remove_contact, name="remove_contact"),
    path("pair", pairing.pairing_page, name="pair"),
    path("claim", pairing.claim_page, name="claim"),
    path("api/v1/", api.urls),
    # The admin has its own page for changing one's password, which does not limit wrong old passwords.
    path("admin/password_change/", RedirectView.as_view(pattern_name="password"), name="admin_password"),
    path("admin/", admin.site.urls),
]

handler400 = "cashier_web.infra.errors.bad_request"
handler404 = "cashier_web.infra.errors.not_found"
handler500 = "cashier_web.infra.errors.server_error"
