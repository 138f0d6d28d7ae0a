"""The people page, on which a manager gives people roles in a store and invites them to choose a password."""

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
from cashier_web.infra.lookalikes import LookalikeForm
from cashier_web.models import Membership, Role, Store
from cashier_web.store_urls import managed_pages, store_path
from cashier_web.validators import check_name

HAS_ROLE = gettext_lazy("This person already has a role in this store.")


class RoleForm(forms.Form):
    """The form that changes a person's role in a store. `role`: viewer, cashier or manager."""

    role = forms.TypedChoiceField(
        label=gettext_lazy("Role"), choices=Role.choices, coerce=int, initial=Role.CASHIER.value
    )


class PersonForm(LookalikeForm, RoleForm):
    """The form that gives a person a role in a store.

    If there is no account with this username, a new account is created with the first and the last name. An existing
    account keeps its names.
    """

    username = forms.CharField(label=gettext_lazy("Username"), max_length=150, validators=[User.username_validator])
    first_name = forms.CharField(label=gettext_lazy("First name"), max_length=150, required=False)
    last_name = forms.CharField(label=gettext_lazy("Last name"), max_length=150, required=False)
    field_order = ["username", "is_confirmed", "first_name", "last_name", "role"]

    def clean_username(self) -> str:
        """Normalize the username in the same way as the sign-in page, so that the person can sign in with it."""
        name: str = User.normalize_username(self.cleaned_data["username"])
        return name

    def clean(self) -> dict[str, Any]:
        """If the username is new and resembles another username, the manager must confirm it.

        Otherwise, "Anna" would create a second account beside "anna".
        """
        super().clean()
        names = User.objects.values_list("username", flat=True)
        if not names.filter(username=self.cleaned_data.get("username")).exists():
            self.check_lookalike("username", names)
        return self.cleaned_data

    def person(self) -> dict[str, Any]:
        """Return the values of the valid form that describe the person."""
        return {name: value for name, value in self.cleaned_data.items() if name != "is_confirmed"}

    def clean_first_name(self) -> str:
        return check_name(self.cleaned_data["first_name"])

    def clean_last_name(self) -> str:
        return check_name(self.cleaned_data["last_name"])


@never_cache
@allow_methods("GET", "HEAD", "POST")
@permissions.for_managers
def people_page(request: HttpRequest, store: Store) -> HttpResponse:
    """Show everybody who has a role in the store. A POST with the fields of `PersonForm` adds a person.

    If the person has no account yet, one is created. The page then shows a link at which the person chooses a
    password.
    """
    if request.method != "POST":
        return render_people_page(request, store, PersonForm())
    form = PersonForm(request.POST)
    if form.is_valid():
        try:
            with transaction.atomic():
                person, is_new = add_person(request, store, **form.person())
        except ValidationError as error:
            form.add_error("username", error)
        except IntegrityError:
            # Another request has given this person a role in this store at the same time. The database refuses a second
            # role of the same person in the same store. It also refuses a role in a deleted store.
            get_object_or_404(Store, pk=store.pk)
            form.add_error("username", HAS_ROLE)
        else:
            if is_new:
                return invite(request, store, person)
            messages.success(request, _("“%(name)s” already had an account.") % {"name": person.username})
            return redirect(store_path("people", store))
    return render_people_page(request, store, form, status=400)


def add_person(request: HttpRequest, store: Store, *, username: str, role: int, **names: str) -> tuple[User, bool]:
    """Give a person a role in the store, and create the account if there is none. Must be called within a transaction.

    Returns the account, and whether it is new. Raises ValidationError, with the reason, if the person cannot be added.
    """
    store = permissions.lock_store(store)
    person, is_new = User.objects.get_or_create(username=username, defaults=names)
    # Without the lock, somebody else could give this person a role in another store after the checks below.
    person = User.objects.select_for_update().get(pk=person.pk)
    if is_new:
        person.set_unusable_password()
        person.save()
    elif person.memberships.filter(store=store).exists():
        raise ValidationError(HAS_ROLE)
    elif not request.user.is_superuser and not is_own_account(request, person):
        # The account has a role in a store that this manager does not manage. Only an administrator may give such an
        # account a role in this store, for two reasons. A manager of the other store may know the account's password,
        # and could then get into this store. And this manager could prevent the managers of the other store from making
        # a new invitation link for the account, because they may do this only if they manage all stores of the account.
        raise ValidationError(
            _("Managers can only add accounts that belong to their own stores and no others. Ask an administrator.")
        )
    Membership.objects.create(person=person, store=store, role=role)
    return person, is_new


@allow_methods("POST")
@permissions.for_managers
def change_role(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    """Change the person's role in the store to the `role` that was posted."""
    form = RoleForm(request.POST)
    with transaction.atomic():
        membership = membership_of_other(request, store, number)
        if not form.is_valid():
            return refuse(400, _("There is no such role."))
        membership.role = form.cleaned_data["role"]
        membership.save(update_fields=["role"])
    params = {"name": membership.person.username, "role": membership.get_role_display()}
    messages.success(request, _("“%(name)s”: %(role)s.") % params)
    return redirect(store_path("people", store))


@allow_methods("POST")
@permissions.for_managers
def remove_person(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    """Remove the person's role in the store. The person's account stays."""
    with transaction.atomic():
        membership = membership_of_other(request, store, number)
        membership.delete()
    messages.success(
        request, _("“%(name)s” no longer has a role in this store.") % {"name": membership.person.username}
    )
    return redirect(store_path("people", store))


@never_cache
@allow_methods("POST")
@permissions.for_managers
def link_person(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    """Show the people page with a new link at which the person can choose a password."""
    with transaction.atomic():
        membership = locked_membership(store, number)
        require_own_account(request, membership.person)
        return invite(request, store, membership.person)


def locked_membership(store: Store, person_id: int) -> Membership:
    """Return the role of this person in the store, and lock its database row. Must be called within a transaction.

    Raises Http404 if the person has no role in the store.
    """
    # `person_id` comes from the address, and may be too large for the database. Django then finds no person, and the
    # answer is 404. If `person_id` were used directly in the query of the role, the database would raise an error.
    person = get_object_or_404(User, pk=person_id)
    return get_object_or_404(store.memberships.select_for_update(of=["self"]).select_related("person"), person=person)


def membership_of_other(request: HttpRequest, store: Store, person_id: int) -> Membership:
    """Do the same as `locked_membership`, but only for another person than the requesting manager.

    Raises PermissionDenied if the person is the requesting manager, because managers cannot change their own roles.
    """
    membership = locked_membership(store, person_id)
    if person_id == request.user.pk:
        raise PermissionDenied(_("You cannot change your own role. Ask another manager."))
    return membership


def is_own_account(request: HttpRequest, person: User) -> bool:
    """Return whether all stores in which the account has a role are stores that the requesting manager manages.

    The result is False for an account that has no role, is inactive, or may use the admin.
    """
    if person.is_superuser or person.is_staff or not person.is_active or not person.memberships.exists():
        return False
    return not person.memberships.exclude(store__in=permissions.managed_by(request.user)).exists()


def require_own_account(request: HttpRequest, person: User) -> None:
    """Raise PermissionDenied if the requesting manager must not get a link for this account.

    Whoever opens the link can sign in to the account. If the account has roles in other managers' stores, the link
    would give these roles to the requesting manager.
    """
    if not request.user.is_superuser and not is_own_account(request, person):
        raise PermissionDenied(
            _("Managers can only help accounts that belong to their own stores and no others. Ask an administrator.")
        )


def welcome_path(person: User) -> str:
    """Return the path of a new invitation, at which the person chooses a password."""
    parts = [urlsafe_base64_encode(force_bytes(person.pk)), invitations.make_token(person)]
    return reverse("welcome", args=parts)


def invite(request: HttpRequest, store: Store, person: User) -> HttpResponse:
    """Show the people page with a new link at which this person can choose a password.

    The audit log says that a link was made, but does not contain the link.
    """
    note(LogEntry.Action.UPDATE, [(person, {"password link": ("", "made")})], request.user)
    return render_people_page(request, store, PersonForm(), invited=person)


def render_people_page(
    request: HttpRequest, store: Store, form: PersonForm, *, invited: User | None = None, status: int = 200
) -> HttpResponse:
    """Render the people page. invited: a person for whom the page shows a new link, if any."""
    memberships = store.memberships.select_related("person").order_by("-role", "person__username")
    rows = [
        {
            "membership": each,
            "role": RoleForm(initial={"role": each.role}, auto_id=f"%s-{each.person_id}"),
            "change_path": store_path("change_role", store, number=each.person_id),
            "remove_path": store_path("remove_person", store, number=each.person_id),
            "link_path": store_path("link_person", store, number=each.person_id),
        }
        for each in memberships
    ]
    context = {
        "store": store,
        "pages": managed_pages(store),
        "path": store_path("people", store),
        "form": form,
        "rows": rows,
        "invited": invited,
        "link": request.build_absolute_uri(welcome_path(invited)) if invited else "",
    }
    return render(request, "cashier_web/people.html", context, status=status)
