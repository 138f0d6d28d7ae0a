"""Adds import and export of a CSV file to a page of the admin."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.admin import ImportExportMixin
from import_export.forms import ConfirmImportForm

from cashier_web.infra.table_resource import changed_meanwhile, reasons


class ConfirmForm(ConfirmImportForm):
    """The form that confirms an import. `is_confirmed`: whether the administrator has checked the doubtful lines."""

    is_confirmed = forms.BooleanField(
        label=gettext_lazy("These lines are right. Import them."), required=False, widget=forms.HiddenInput
    )

    def ask(self) -> None:
        """Show the box `is_confirmed`. If no line of the file is doubtful, the box stays hidden and is not needed."""
        self.fields["is_confirmed"].widget = forms.CheckboxInput({"required": True})


class TableAdmin(ImportExportMixin):
    """Base class of the admin's pages that import and export a CSV file.

    The page first shows what an import would change, and imports the file after a confirmation. It gives the reason for
    every line that is refused. Subclasses set `resource_classes` and `formats`, and define who may import and export.
    """

    import_template_name = "cashier_web/import.html"
    confirm_form_class = ConfirmForm
    skip_export_form = True

    def get_import_data_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        form = kwargs.get("form")
        is_confirmed = isinstance(form, ConfirmForm) and form.cleaned_data["is_confirmed"]
        options = {"rollback_on_validation_errors": True, "is_confirmed": is_confirmed}
        return {**super().get_import_data_kwargs(**kwargs), **options}

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show what an import of the file would change, or why the file cannot be imported.

        If lines of the file are doubtful, the page shows the doubts, and a box that must be checked.
        """
        response = super().import_action(request, **kwargs)
        context = response.context_data
        if "import_file" in request.FILES and not context.get("confirm_form"):
            self._delete_uploaded_file(request)
        if result := context.get("result"):
            context["reasons"] = list(reasons(result))
            context["doubts"] = result.doubts
            if context.get("confirm_form") and result.doubts:
                context["confirm_form"].ask()
        return response

    def write_to_tmp_storage(self, import_file: Any, input_format: Any) -> Any:
        import_file.storage = super().write_to_tmp_storage(import_file, input_format)
        return import_file.storage

    def _delete_uploaded_file(self, request: HttpRequest) -> None:
        """Delete the copy of a file that cannot be imported. Otherwise such copies would fill the disk."""
        if storage := getattr(request.FILES["import_file"], "storage", None):
            storage.remove()

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        """Show the reason why the file cannot be read. django-import-export would show the exception's name instead."""
        form.add_error("import_file", str(e))

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Import the file that the person has confirmed.

        If the server no longer has the file, the person is asked to choose the file again.
        """
        try:
            return super().process_import(request, **kwargs)
        except IntegrityError:
            messages.error(request, f"{_('Nothing was changed.')} {changed_meanwhile()}")
            return self._to_import_page()
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
