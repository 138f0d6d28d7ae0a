"""The errors of a form as plain text, for messages and reports that have no room for Django's lists."""

from django.core.exceptions import NON_FIELD_ERRORS
from django.forms import BaseForm


def one_line(form: BaseForm) -> str:
    """Every reason why the form is invalid, in one line and without the names of the fields."""
    return " ".join(str(reason) for reasons in form.errors.values() for reason in reasons)


def line_per_field(form: BaseForm) -> list[str]:
    """One line for each invalid field: its name and every reason. Reasons that concern no single field have no name."""
    return [
        " ".join(map(str, reasons)) if field == NON_FIELD_ERRORS else f"{field}: {' '.join(map(str, reasons))}"
        for field, reasons in form.errors.items()
    ]
