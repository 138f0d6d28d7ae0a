"""Imports and exports the people of a chain and their roles as CSV."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from auditlog.models import LogEntry
from django import forms
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from import_export.results import RowResult

from cashier_web.audit import note
from cashier_web.infra.errors import Refused
from cashier_web.infra.redis_unavailable import nothing_changed, refuse_without_redis
from cashier_web.infra.table_resource import YES_OR_NO, Column, TableFormat, TableResource
from cashier_web.models import Membership, Role, Store
from cashier_web.press_data.changes import begin_change
from cashier_web.press_data.documents import DocumentId
from cashier_web.validators import check_name

NAMES = ["username", "first_name", "last_name"]
COLUMNS = [*NAMES, "active", "roles"]
ROLES = {role.name.lower(): role for role in Role}
"""Maps the name that a role has in the file, such as "cashier", to the role."""


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # ModelForm takes no type argument at run time
    """Checks a person's names by the same rules as the admin and the people page."""

    class Meta:
        model = User
        fields = NAMES

    def clean_first_name(self) -> str:
        return check_name(self.cleaned_data["first_name"])

    def clean_last_name(self) -> str:
        return check_name(self.cleaned_data["last_name"])


class PeopleCSV(TableFormat):
    """The format of the file people.csv."""

    columns = COLUMNS
    key = "username"
    # An import of 5,000 people takes 14 s, because each changed person takes 2.8 ms of CPU time. A file with more
    # people is refused, so that no import takes much longer.
    most_rows = 5000


def written_roles(person: Any) -> str:
    """Return the text of the cell with a person's roles, such as "north-7=cashier; south=manager".

    person: a user that a `PersonResource` has read, which therefore has the attribute `roles`.
    """
    return "; ".join(f"{slug}={Role(role).name.lower()}" for slug, role in sorted(person.roles.items()))


class PersonResource(TableResource):
    """Imports and exports people and their roles. The username identifies a person.

    Superusers are neither exported nor changed. Each person that the resource reads gets an additional attribute
    `roles`, which maps the slug of a store to the person's role there.
    """

    username = Column("username", lambda person: person.username, read=User.normalize_username)
    first_name = Column("first_name", lambda person: person.first_name)
    last_name = Column("last_name", lambda person: person.last_name)
    active = Column("active", lambda person: YES_OR_NO[person.is_active])
    roles = Column("roles", written_roles)

    class Meta(TableResource.Meta):
        model = User
        fields = import_order = export_order = COLUMNS
        import_id_fields = ["username"]

    @cached_property
    def _stores(self) -> dict[str, int]:
        """Maps the slug of every store to the store's primary key."""
        return dict(Store.objects.values_list("slug", "pk"))

    @cached_property
    def _roles(self) -> dict[int, dict[str, int]]:
        """Maps the primary key of every person to a dict, which maps the slug of a store to the person's role there.

        An import reads the roles only after it has locked the people, so that no other import changes the roles
        meanwhile.
        """
        roles: dict[int, dict[str, int]] = {}
        for person, slug, role in Membership.objects.values_list("person_id", "store__slug", "role"):
            roles.setdefault(person, {})[slug] = role
        return roles

    def filter_export(self, queryset: QuerySet[User], **kwargs: Any) -> QuerySet[User]:
        return queryset.filter(is_superuser=False)

    def iter_queryset(self, queryset: QuerySet[User]) -> Iterator[User]:
        for person in super().iter_queryset(queryset):
            person.roles = self._roles.get(person.pk, {})
            yield person

    def init_instance(self, row: Any = None) -> User:
        # A new account has no password until the person follows an invitation.
        return User(password=make_password(None))

    def after_init_instance(self, instance: Any, new: bool, row: Any, **kwargs: Any) -> None:
        instance.roles = self._roles.get(instance.pk, {})

    def repeated(self) -> str:
        return _("This person already appears in an earlier line.")

    def import_instance(self, instance: Any, row: dict[str, str], **kwargs: Any) -> None:
        if instance.is_superuser:
            raise ValidationError({"username": _("An administrator of the chain can only be changed in the admin.")})
        typed = {**self.cells(instance), **{column: row[column] for column in COLUMNS if column in row}}
        form = AccountForm(typed, instance=instance)
        errors: dict[str, Any] = form.errors.as_data()
        if typed["active"] not in YES_OR_NO.values():
            errors["active"] = _("Write “yes” or “no”.")
        try:
            instance.roles = self._parse_roles(typed["roles"])
        except ValidationError as error:
            errors["roles"] = error
        if errors:
            raise ValidationError(errors)
        instance.is_active = typed["active"] == YES_OR_NO[True]

    def _parse_roles(self, text: str) -> dict[str, int]:
        """Parse a cell such as "north-7=cashier; south=manager". Returns a dict from the slug of a store to the role.

        Raises ValidationError with everything that is wrong with the cell.
        """
        roles: dict[str, int] = {}
        faults: list[str] = []
        for pair in filter(None, (part.strip() for part in text.split(";"))):
            slug, _equals, role = (part.strip() for part in pair.partition("="))
            if slug not in self._stores:
                faults.append(_("There is no store “%(slug)s”.") % {"slug": slug})
            elif role not in ROLES:
                params = {"names": ", ".join(ROLES), "role": role, "example": "north-7=cashier; south=manager"}
                faults.append(_("A role is one of %(names)s, not “%(role)s”: “%(example)s”.") % params)
            elif slug in roles:
                faults.append(_("There are two roles in the store “%(slug)s”.") % {"slug": slug})
            else:
                roles[slug] = ROLES[role]
        if faults:
            raise ValidationError(faults)
        return roles

    def do_instance_save(self, instance: User, is_create: bool) -> None:
        """Do nothing for a single person, because the method `finish` saves all people at once."""

    def finish(self, rows: list[RowResult], actor: Any) -> None:
        new = [row for row in rows if row.is_new()]
        changed = [row for row in rows if row.is_update()]
        # Bulk operations send no signals, so presses would not see the changes.
        try:
            with refuse_without_redis(nothing_changed()):
                begin_change([DocumentId.of_person(row.instance.pk) for row in rows if row.instance.pk])
        except Refused as refused:
            raise ValidationError(refused.reason) from None
        User.objects.bulk_create([row.instance for row in new], batch_size=500)
        # Django updates the people in batches, with one SQL statement for each batch. In the statement, every column
        # has a CASE with one WHEN for each person of the batch, so small batches are faster. An import that changes
        # 3,000 people took 5.1 s in batches of 500, and 4.3 s in batches of 100.
        User.objects.bulk_update([row.instance for row in changed], [*NAMES[1:], "is_active"], batch_size=100)
        self._save_roles([row.instance for row in rows])
        # The audit log records what Django's signals report. Bulk operations send no signals, so the changes are added
        # to the audit log here.
        note(LogEntry.Action.CREATE, [(row.instance, self.changes(row)) for row in new], actor)
        note(LogEntry.Action.UPDATE, [(row.instance, self.changes(row)) for row in changed], actor)

    def _save_roles(self, people: list[Any]) -> None:
        """Delete the roles that people no longer have, and save all new and changed roles.

        The roles are saved in bulk, because a file may contain thousands of people with roles.
        """
        changed = []
        for person in people:
            known = self._roles.get(person.pk, {})
            if gone := known.keys() - person.roles.keys():
                Membership.objects.filter(person=person, store__slug__in=gone).delete()
            new = {slug: role for slug, role in person.roles.items() if known.get(slug) != role}
            changed += [Membership(person=person, store_id=self._stores[slug], role=role) for slug, role in new.items()]
        Membership.objects.bulk_create(
            changed, batch_size=500, update_conflicts=True, unique_fields=["person", "store"], update_fields=["role"]
        )
