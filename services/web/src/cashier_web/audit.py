"""The audit log (django-auditlog): who changed what of stores, people, devices and screens, and what it was before."""

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
    """That it changed is told, not to what: a hash can be tried."""
    return HIDDEN if value else ""


def watch() -> None:
    """Have every save of these be noted. What is only seen or used is no change."""
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
    """The same for what gives no signals: many that are saved at once, or what is no field.

    action: `LogEntry.Action`'s. changed: each with its values, by name, before and after.
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


class Audit(AuditlogMiddleware):
    """Knows whoever changes something. Left out is what changes nothing that is noted: pages, and presses above all."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_press = request.path_info.endswith("/cashier_action") or request.path_info.startswith("/api/")
        if request.method != "POST" or is_press:
            return self.get_response(request)
        return super().__call__(request)
