"""Writes the errors of a form as plain text, for messages and reports that cannot contain Django's HTML lists."""

from django.core.exceptions import NON_FIELD_ERRORS
from django.forms import BaseForm


def one_line(form: BaseForm) -> str:
    """Return all reasons why the form is invalid, in one line and without the names of the fields."""
    return " ".join(str(reason) for reasons in form.errors.values() for reason in reasons)


def line_per_field(form: BaseForm) -> list[str]:
    """Return one line for each invalid field, with the name of the field and all reasons why the field is invalid.

    Reasons that belong to the whole form are in a line without a name.
    """
    return [
        " ".join(map(str, reasons)) if field == NON_FIELD_ERRORS else f"{field}: {' '.join(map(str, reasons))}"
        for field, reasons in form.errors.items()
    ]
