"""The page of the certificate, and its CSV file."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from cashier_web.fleet.certificate import COLUMNS, certificate, last_of_month
from cashier_web.fleet.proof_days import LATE_MS
from cashier_web.fleet.views import for_managers_of_any_store
from cashier_web.infra.csv_table import write_for_excel
from cashier_web.infra.errors import allow_methods, refuse
from cashier_web.infra.form_errors import one_line
from cashier_web.models import Store


def parse_month(text: str) -> date:
    """Return the first day of a month such as "2026-11". Raises ValueError."""
    year, _dash, month = text.partition("-")
    if not (len(year) == 4 and len(month) == 2 and text.isascii()):
        raise ValueError(text)
    return date(int(year), int(month), 1)


class MonthForm(forms.Form):
    """The month in the address, such as 2026-11. Without it, the month of yesterday."""

    month = forms.CharField(
        label=gettext_lazy("Month"), required=False, widget=forms.TextInput(attrs={"type": "month"})
    )

    def clean_month(self) -> date:
        if not self.cleaned_data["month"]:
            return (timezone.localdate() - timedelta(days=1)).replace(day=1)
        try:
            return parse_month(self.cleaned_data["month"])
        except ValueError:
            raise ValidationError(_("A month looks like this: 2026-11.")) from None


def for_month(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorator for a view of the certificate of a month. Passes the stores of the person and the month to the view."""

    @never_cache
    @allow_methods("GET", "HEAD")
    @for_managers_of_any_store
    def guarded(request: HttpRequest, stores: QuerySet[Store]) -> HttpResponse:
        form = MonthForm(request.GET)
        return view(request, stores, form.cleaned_data["month"]) if form.is_valid() else refuse(400, one_line(form))

    return guarded


@for_month
def certificate_page(request: HttpRequest, stores: QuerySet[Store], month: date) -> HttpResponse:
    """Show what the screens of all stores of the person have proven in a month."""
    total, rows = certificate(stores, month, last_of_month(month))
    text = f"{month:%Y-%m}"
    context: dict[str, Any] = {"total": total, "rows": rows, "month": month, "text": text, "late_ms": LATE_MS}
    context["form"] = MonthForm(initial={"month": text})
    return render(request, "cashier_web/fleet_proof.html", context)


@for_month
def certificate_csv(request: HttpRequest, stores: QuerySet[Store], month: date) -> HttpResponse:
    """The certificate of each store as a CSV file."""
    _total, rows = certificate(stores, month, last_of_month(month))
    table = write_for_excel(COLUMNS, [each.row for each in rows])
    response = HttpResponse(table, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="proof-{month:%Y-%m}.csv"'
    return response
