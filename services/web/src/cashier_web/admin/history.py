"""The admin's pages of past calls that no store's history page can show, and of history entries that were set aside."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cashier_web.history.unstored import retry_unstored
from cashier_web.models import CallOfDeletedStore, PastCall, UnstoredEntry


@admin.register(CallOfDeletedStore)
class CallOfDeletedStoreAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists the calls of stores that were deleted. Nobody can change or delete them here."""

    list_display = ["deleted_store", "pressed_at", "till", "label", "starts_at", "ends_at", "outcome", "kind", "by"]
    list_display_links = None
    search_fields = ["deleted_store"]
    search_help_text = gettext_lazy("The slug of the deleted store.")
    # Without this setting, each page would count all calls of all stores.
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PastCall]:
        return super().get_queryset(request).filter(store=None)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PastCall | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PastCall | None = None) -> bool:
        return False


@admin.register(UnstoredEntry)
class UnstoredEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists the history entries that could not be stored, with the reasons, and stores selected entries again."""

    list_display = ["entry_id", "set_aside_at", "reason", "content_as_text"]
    fields = readonly_fields = ("entry_id", "set_aside_at", "reason", "content_as_text")
    search_fields = ["entry_id", "reason"]
    actions = ["retry"]

    @admin.display(description=gettext_lazy("content"))
    def content_as_text(self, entry: UnstoredEntry) -> str:
        return bytes(entry.content).decode(errors="backslashreplace")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description=gettext_lazy("Store selected entries again"), permissions=["change"])
    def retry(self, request: HttpRequest, chosen: QuerySet[UnstoredEntry]) -> None:
        number = chosen.count()
        stored = retry_unstored(chosen)
        if stored:
            messages.success(request, _("Entries stored in the history: %(count)s.") % {"count": stored})
        if stored < number:
            messages.warning(request, _("Entries that still cannot be stored: %(count)s.") % {"count": number - stored})
