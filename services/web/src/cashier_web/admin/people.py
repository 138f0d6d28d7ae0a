"""The admin's pages for accounts and roles."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group, User
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from cashier_web.accounts.people_csv import PeopleCSV, PersonResource
from cashier_web.admin.table_admin import TableAdmin
from cashier_web.infra.lookalikes import LookalikeForm
from cashier_web.models import Membership

admin.site.unregister([User, Group])


class ForAdministrators(admin.ModelAdmin):  # type: ignore[type-arg]
    """Base class of pages that only superusers may use. Other users may not use them, whatever permissions they have.

    Otherwise, a user with the permission to change accounts or roles could give himself every other permission.
    """

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission

    def has_import_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    has_export_permission = has_import_permission


class NewAccountForm(AdminUserCreationForm, LookalikeForm):  # type: ignore[type-arg]
    """The form that adds an account in the admin. A username that resembles another username must be confirmed."""

    def clean(self) -> dict[str, Any]:
        super().clean()
        self.check_lookalike("username", User.objects.values_list("username", flat=True))
        return self.cleaned_data


@admin.register(User)
class PersonAdmin(ForAdministrators, TableAdmin, UserAdmin):  # type: ignore[type-arg]
    """The admin's pages that list, change, import and export accounts.

    The administrators of a chain are superusers. An export leaves superusers out, and an import refuses to change them.
    """

    list_display = ["username", "first_name", "last_name", "stores", "is_superuser", "is_active", "last_login"]
    list_filter = ["is_superuser", "is_active", "memberships__role"]
    add_form = NewAccountForm
    add_fieldsets = ((None, {"fields": ["username", "is_confirmed", "usable_password", "password1", "password2"]}),)
    resource_classes = [PersonResource]
    formats = [PeopleCSV]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).annotate(number_of_stores=Count("memberships", distinct=True))

    @admin.display(description=gettext_lazy("stores"), ordering="number_of_stores")
    def stores(self, person: Any) -> int:
        return int(person.number_of_stores)


@admin.register(Membership)
class MembershipAdmin(ForAdministrators):
    """Lists and changes roles. Each row is the role of one person in one store."""

    list_display = ["person", "store", "role"]
    list_filter = ["role"]
    list_select_related = ["person", "store"]
    search_fields = ["person__username", "person__last_name", "store__name", "store__slug"]
    autocomplete_fields = ["person", "store"]
