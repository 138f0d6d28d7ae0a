"""The people's page: a manager says who does what in a store, and lets them in."""

from typing import Any

from auditlog.models import LogEntry
from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from cashier_web.accounts import permissions
from cashier_web.accounts.invitations import invitations
from cashier_web.audit import note
from cashier_web.infra.errors import allow_methods, refuse
from cashier_web.models import Membership, Role, Store
from cashier_web.store_urls import managed_pages, store_path
from cashier_web.validators import check_name

TAKEN = gettext_lazy("This person has a role here already.")


class RoleForm(forms.Form):
    """`role`: what a person may do in the store."""

    role = forms.TypedChoiceField(
        label=gettext_lazy("Role"), choices=Role.choices, coerce=int, initial=Role.CASHIER.value
    )


class PersonForm(RoleForm):
    """`username`: of an account that there is already, or of a new one, which gets the names too."""

    username = forms.CharField(label=gettext_lazy("Username"), max_length=150, validators=[User.username_validator])
    first_name = forms.CharField(label=gettext_lazy("First name"), max_length=150, required=False)
    last_name = forms.CharField(label=gettext_lazy("Last name"), max_length=150, required=False)
    field_order = ["username", "first_name", "last_name", "role"]

    def clean_username(self) -> str:
        """As the sign-in reads it."""
        name: str = User.normalize_username(self.cleaned_data["username"])
        return name

    def clean_first_name(self) -> str:
        return check_name(self.cleaned_data["first_name"])

    def clean_last_name(self) -> str:
        return check_name(self.cleaned_data["last_name"])


@never_cache
@allow_methods("GET", "HEAD", "POST")
@permissions.for_managers
def people(request: HttpRequest, store: Store) -> HttpResponse:
    """Who has a role in the store. Posting `username`, names and `role` adds somebody, with an account or without."""
    if request.method != "POST":
        return show(request, store, PersonForm())
    form = PersonForm(request.POST)
    if form.is_valid():
        try:
            with transaction.atomic():
                person, is_new = add(request, store, form.cleaned_data)
        except ValidationError as fault:
            form.add_error("username", fault)
        except IntegrityError:  # two at once
            form.add_error("username", TAKEN)
        else:
            if is_new:
                note(LogEntry.Action.UPDATE, [(person, {"password link": ("", "made")})], request.user)
                return show(request, store, PersonForm(), invited=person)
            messages.success(request, _("“%(name)s” had an account already.") % {"name": person.username})
            return redirect(store_path("people", store))
    return show(request, store, form, status=400)


def add(request: HttpRequest, store: Store, asked: dict[str, Any]) -> tuple[User, bool]:
    """Give a person a role in the store; whether the account is new. Raises ValidationError."""
    role = asked.pop("role")
    person, is_new = User.objects.get_or_create(username=asked["username"], defaults=asked)
    if is_new:
        person.set_unusable_password()
        person.save()
    elif person.memberships.filter(store=store).exists():
        raise ValidationError(TAKEN)
    elif not request.user.is_superuser and not is_own(request, person):
        # Whoever made that account, and may know its password, would come into this store with it; and those who look
        # after it now could do so no more.
        raise ValidationError(_("This account is not only of your stores: an administrator has to add it."))
    Membership.objects.create(person=person, store=store, role=role)
    return person, is_new


@never_cache
@allow_methods("POST")
@permissions.for_managers
def person(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    """Posting `action`: `change` the person's `role` here, `remove` it, or make a `link` to a new password."""
    membership = get_object_or_404(Membership.objects.select_related("person"), store=store, person_id=number)
    action, chosen = request.POST.get("action"), membership.person
    told = {"name": chosen.username}
    if action == "link":
        require_care(request, chosen)
        note(LogEntry.Action.UPDATE, [(chosen, {"password link": ("", "made")})], request.user)
        return show(request, store, PersonForm(), invited=chosen)
    if chosen.pk == request.user.pk:
        raise PermissionDenied(_("Let somebody else change what you may do."))
    if action == "remove":
        membership.delete()
        messages.success(request, _("“%(name)s” has no role here any more.") % told)
    elif action == "change":
        form = RoleForm(request.POST)
        if not form.is_valid():
            return refuse(400, _("There is no such role."))
        membership.role = form.cleaned_data["role"]
        membership.save(update_fields=["role"])
        messages.success(request, _("“%(name)s”: %(role)s.") % {**told, "role": membership.get_role_display()})
    else:
        return refuse(400, _("Change, remove or link? None was sent."))
    return redirect(store_path("people", store))


def is_own(request: HttpRequest, person: User) -> bool:
    """Whether the account is one of stores that the asking manager manages, and of nothing else."""
    if person.is_superuser or person.is_staff or not person.is_active or not person.memberships.exists():
        return False
    return not person.memberships.exclude(store__in=permissions.managed_by(request.user)).exists()


def require_care(request: HttpRequest, person: User) -> None:
    """Raise PermissionDenied for a manager who would, with a link, become more than he is.

    Whoever has the link has the account, and so its roles in other stores.
    """
    if not request.user.is_superuser and not is_own(request, person):
        raise PermissionDenied(_("An administrator has to do this: the account is not only of your stores."))


def welcome_path(person: User) -> str:
    """Where the person chooses a password; see `Invitations`."""
    parts = [urlsafe_base64_encode(force_bytes(person.pk)), invitations.make_token(person)]
    return reverse("welcome", args=parts)


def show(
    request: HttpRequest, store: Store, form: PersonForm, *, invited: User | None = None, status: int = 200
) -> HttpResponse:
    """The page; with the link of the person who was just invited."""
    memberships = store.memberships.select_related("person").order_by("-role", "person__username")
    rows = [
        {
            "membership": each,
            "role": RoleForm(initial={"role": each.role}, auto_id=f"%s-{each.person_id}"),
            "path": store_path("person", store, number=each.person_id),
        }
        for each in memberships
    ]
    told = {
        "store": store,
        "pages": managed_pages(store),
        "path": store_path("people", store),
        "form": form,
        "rows": rows,
        "invited": invited,
        "link": request.build_absolute_uri(welcome_path(invited)) if invited else "",
    }
    return render(request, "cashier_web/people.html", told, status=status)
