"""The URLs to which managers' forms were posted before version 0.1.

At that time there was one URL for each object, and the form field `action` said what to do. Today each action has its
own URL. A page that was loaded before the update to version 0.1 still uses the old URLs.

In version 0.2, remove this module and its test, and let the URL `logo` in urls.py call `media.replace_logo` directly.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from cashier_web.accounts import people
from cashier_web.devices import views as devices
from cashier_web.infra.errors import allow_methods, refuse
from cashier_web.media import views as media
from cashier_web.screens import manage

View = Callable[..., HttpResponse]


def by_action(views: dict[str, View]) -> View:
    """Return a view that chooses one of `views` by the form field `action`, and calls the chosen view."""

    @allow_methods("POST")
    def dispatch(request: HttpRequest, **parts: Any) -> HttpResponse:
        view = views.get(request.POST.get("action", ""))
        return view(request, **parts) if view else refuse(400, _("The server cannot read this request."))

    return dispatch


logo = by_action({"": media.replace_logo, "remove": media.remove_logo})

PAGES: list[tuple[str, View, str]] = [
    (
        "devices/<int:number>",
        by_action({"renew": devices.renew_device, "revoke": devices.revoke_device}),
        "old_device",
    ),
    (
        "screens/<int:number>",
        by_action({"change": manage.change_screen, "revoke": manage.revoke_screen}),
        "old_screen",
    ),
    (
        "media/<int:number>",
        by_action(
            {
                "change": media.change_seconds,
                "up": media.move_medium_up,
                "down": media.move_medium_down,
                "delete": media.delete_medium,
            }
        ),
        "old_medium",
    ),
    (
        "people/<int:number>",
        by_action({"change": people.change_role, "remove": people.remove_person, "link": people.link_person}),
        "old_person",
    ),
]
"""The old URLs. Each entry contains the path, the view and the name of one URL, like an entry of STORE_PAGES in
urls.py."""
