"""Adds import and export of a CSV file to a page of the admin."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from import_export.admin import ImportExportMixin

from cashier_web.infra.table_resource import reasons


class TableAdmin(ImportExportMixin):
    """Base class of the admin's pages that import and export a CSV file.

    The page first shows what an import would change, and imports the file after a confirmation. It gives the reason for
    every line that is refused. Subclasses set `resource_classes` and `formats`, and define who may import and export.
    """

    import_template_name = "cashier_web/import.html"
    skip_export_form = True

    def get_import_data_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_import_data_kwargs(**kwargs), "rollback_on_validation_errors": True}

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show what an import of the file would change, or why the file cannot be imported."""
        response = super().import_action(request, **kwargs)
        if result := response.context_data.get("result"):
            response.context_data["reasons"] = list(reasons(result))
        return response

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        """Show the reason why the file cannot be read. django-import-export would show the exception's name instead."""
        form.add_error("import_file", str(e))

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Import the file that the person has confirmed.

        If the server no longer has the file, the person is asked to choose the file again.
        """
        try:
            return super().process_import(request, **kwargs)
        except FileNotFoundError:
            messages.error(
                request, _("This file has already been imported, or the server no longer has it. Choose it again.")
            )
            return self._to_import_page()

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponse:
        """Show the outcome of an import.

        A row may be refused although the confirmation page accepted it, because the data has changed since then. In
        this case nothing is imported, and the page shows the reasons.
        """
        if not result.has_errors() and not result.has_validation_errors():
            return super().process_result(result, request)
        messages.error(request, " ".join([_("Nothing was changed."), *reasons(result)]))
        return self._to_import_page()

    def _to_import_page(self) -> HttpResponse:
        app, model = self.get_model_info()
        return redirect(f"admin:{app}_{model}_import")
