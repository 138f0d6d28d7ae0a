"""The Django application of the web service. It says which functions are called for Django's signals."""

from datetime import timedelta
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.http import HttpRequest
from django.utils import timezone


class CashierWebConfig(AppConfig):
    name = "cashier_web"
    verbose_name = "cashier_q"

    def ready(self) -> None:
        # These imports are inside `ready`, because the modules import models. Models can be imported only after Django
        # has loaded its applications.
        from django.contrib.auth.signals import user_logged_in  # noqa: PLC0415

        from cashier_web import audit  # noqa: PLC0415
        from cashier_web.media import files  # noqa: PLC0415
        from cashier_web.press_data import changes  # noqa: PLC0415
        from cashier_web.screens import manage  # noqa: PLC0415
        from cashier_web.stores import deletion  # noqa: PLC0415

        audit.register_models()
        # Django calls these receivers in this order, and stops at the first exception. `refuse_default_store` comes
        # first: if it refuses the deletion, the other receivers change nothing.
        pre_delete.connect(deletion.refuse_default_store, sender="cashier_web.Store")
        pre_delete.connect(deletion.keep_calls, sender="cashier_web.Store")
        pre_delete.connect(manage.revoke_screens_of_store, sender="cashier_web.Store")
        pre_delete.connect(files.delete_files_of_store, sender="cashier_web.Store")
        for model in changes.SENDERS:
            pre_save.connect(changes.before_change, sender=model)
            pre_delete.connect(changes.before_change, sender=model)
            post_save.connect(changes.after_change, sender=model)
            post_delete.connect(changes.after_change, sender=model)
        user_logged_in.connect(begin_session)


def begin_session(request: HttpRequest, **signal: Any) -> None:
    """Set a fixed end for the new session, and delete sessions that have expired. Runs after each sign-in.

    Without a fixed end, each save of the session would postpone its end.
    """
    request.session.set_expiry(timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE))
    request.session.clear_expired()
