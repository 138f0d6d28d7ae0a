"""The audit log (django-auditlog): who changed stores, people, devices, screens and media, and how."""

from collections.abc import Iterable, Mapping

from auditlog.middleware import AuditlogMiddleware
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

from cashier_web.infra.expected_errors import answer_expected
from cashier_web.models import AlarmContact, AlarmMute, Device, Medium, Membership, OperatorToken, Screen, Store

HIDDEN = "***"


def hide(value: str) -> str:
    """Return the text that the log contains instead of the hash of a secret.

    The log then says that the secret was changed, but does not contain the hash. Somebody who has a hash could use it
    to guess the secret.
    """
    return HIDDEN if value else ""


def register_models() -> None:
    """Make the audit log record each change of stores, people, roles, media, devices and screens.

    A change of a column that only says when something was last seen or used, or that is computed from other columns, is
    not recorded.
    """
    masked = {"mask_callable": "cashier_web.audit.hide"}
    auditlog.register(Store, exclude_fields=["changes_at", "asleep_until"])
    auditlog.register(
        User, exclude_fields=["last_login"], mask_fields=["password"], m2m_fields={"user_permissions"}, **masked
    )
    auditlog.register(Membership)
    auditlog.register(AlarmContact, mask_fields=["secret"], **masked)
    auditlog.register(AlarmMute)
    auditlog.register(Medium)
    auditlog.register(Device, exclude_fields=["used_at"], mask_fields=["token_hash"], **masked)
    auditlog.register(OperatorToken, exclude_fields=["used_at"], mask_fields=["token_hash"], **masked)
    auditlog.register(Screen, exclude_fields=["seen_at"], mask_fields=["secret_hash"], **masked)


def note(
    action: int,
    changed: Iterable[tuple[Model, Mapping[str, tuple[str, str]]]],
    actor: User | AnonymousUser | None = None,
) -> None:
    """Log changes for which Django sends no signal.

    Django sends no signal if many objects are saved at once, or if the change is not in a column.

    action: a value of `LogEntry.Action`.
    changed: each changed object, with the name of each changed value, and the value before and after the change.
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
    """Writes the name of the signed-in user into the log entries of a request.

    This step is skipped for requests that cause no log entries. These are requests that only read a page, and presses,
    which must be fast.
    """

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_press = request.path_info.endswith("/cashier_action") or request.path_info.startswith("/api/")
        if request.method != "POST" or is_press:
            return self.get_response(request)
        try:
            # The base class needs the person. Django calls no `process_exception` for an exception in a middleware.
            bool(request.user.is_authenticated)
        except Exception as error:
            if answer := answer_expected(request, error):
                return answer
            raise
        response: HttpResponse = super().__call__(request)
        return response
