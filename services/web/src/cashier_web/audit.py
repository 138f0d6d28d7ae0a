"""The audit log (django-auditlog): who changed stores, people, devices, screens and media, and how."""

from collections.abc import Iterable, Mapping

from auditlog.middleware import AuditlogMiddleware
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

from cashier_web.models import Device, Medium, Membership, Screen, Store

HIDDEN = "***"


def hide(value: str) -> str:
    """What the log contains instead of a secret or its hash: that it changed, because a hash can be attacked."""
    return HIDDEN if value else ""


def register_models() -> None:
    """Log every save of these models. Columns that only say when something was last seen or used are left out."""
    masked = {"mask_callable": "cashier_web.audit.hide"}
    auditlog.register(Store)
    auditlog.register(
        User, exclude_fields=["last_login"], mask_fields=["password"], m2m_fields={"user_permissions"}, **masked
    )
    auditlog.register(Membership)
    auditlog.register(Medium)
    auditlog.register(Device, exclude_fields=["used_at"], mask_fields=["token_hash"], **masked)
    auditlog.register(Screen, exclude_fields=["seen_at"], mask_fields=["secret_hash"], **masked)


def note(
    action: int,
    changed: Iterable[tuple[Model, Mapping[str, tuple[str, str]]]],
    actor: User | AnonymousUser | None = None,
) -> None:
    """Log changes that send no signal: many objects saved at once, or something that is not a column.

    action: a value of `LogEntry.Action`. changed: each object with its changed values, by name, before and after.
    """
    entries = [
        LogEntry(
            content_type=ContentType.objects.get_for_model(each),
            object_pk=str(each.pk),
            object_id=each.pk,
            object_repr=str(each),
            action=action,
            actor=actor,
            changes={name: list(values) for name, values in changes.items()},
        )
        for each, changes in changed
    ]
    LogEntry.objects.bulk_create(entries, batch_size=500)


class AuditMiddleware(AuditlogMiddleware):
    """Names the signed-in user in the log entries of a request.

    Skips requests that change nothing that is logged: reading a page, and presses, which must be fast.
    """

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_press = request.path_info.endswith("/cashier_action") or request.path_info.startswith("/api/")
        if request.method != "POST" or is_press:
            return self.get_response(request)
        return super().__call__(request)
