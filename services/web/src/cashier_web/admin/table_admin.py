"""Importing and exporting a table in the admin."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from import_export.admin import ImportExportMixin

from cashier_web.infra.table_resource import reasons


class TableAdmin(ImportExportMixin):
    """Shows what an import would change, imports after a confirmation, and gives the reason for every refused line.

    Model admins set `resource_classes` and `formats`, and say who has the permission to import and to export.
    """

    import_template_name = "cashier_web/import.html"
    skip_export_form = True

    def get_import_data_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_import_data_kwargs(**kwargs), "rollback_on_validation_errors": True}

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show what would be changed, or why nothing can be imported."""
        response = super().import_action(request, **kwargs)
        if result := response.context_data.get("result"):
            response.context_data["reasons"] = list(reasons(result))
        return response

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        """Show the reason; the library shows the name of the exception."""
        form.add_error("import_file", str(e))

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Import the file whose changes were shown before."""
        try:
            return super().process_import(request, **kwargs)
        except FileNotFoundError:
            messages.error(
                request, _("This file has already been imported, or the server no longer has it. Choose it again.")
            )
            return self._to_import_page()

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponse:
        """Report the outcome. Nothing is imported if the file no longer fits, because something changed meanwhile."""
        if not result.has_errors() and not result.has_validation_errors():
            return super().process_result(result, request)
        messages.error(request, " ".join([_("Nothing was changed."), *reasons(result)]))
        return self._to_import_page()

    def _to_import_page(self) -> HttpResponse:
        app, model = self.get_model_info()
        return redirect(f"admin:{app}_{model}_import")
