"""The labels: what tills are called where that isn't their number, typed as `4=Pharmacy; 5=12`."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from cashier_core.till import SIZES, Till
from cashier_web.validators import is_one_line

LONGEST = SIZES[-1]
MOST_DIGITS = 4


EXAMPLE = "4=Pharmacy; 5=12"


def parse(text: str, example: str = EXAMPLE) -> dict[str, str]:
    """Number of a till to its label. Pairs are separated by semicolons or lines. Raises ValidationError.

    example: of how they are written, which who wrote them otherwise is told.
    """
    labels: dict[str, str] = {}
    for pair in filter(str.strip, re.split(r"[;\n]", text)):
        number, equals, label = (part.strip() for part in pair.partition("="))
        if not equals or not re.fullmatch(r"[1-9][0-9]?", number):
            told = {"example": example, "pair": pair.strip()}
            raise ValidationError(_("This is written like “%(example)s”, not “%(pair)s”.") % told)
        if number in labels:
            raise ValidationError(_("Till %(till)s comes twice.") % {"till": number})
        labels[number] = label
    return labels


def text(labels: Mapping[str, str]) -> str:
    """What `parse` reads, in the order of the tills."""
    return "; ".join(f"{number}={label}" for number, label in sorted(labels.items(), key=lambda pair: int(pair[0])))


def check(labels: Mapping[str, str], tills: int) -> None:
    """Raise ValidationError with every reason why a store with so many tills can't have these labels."""
    faults = list(_faults(labels, tills))
    if faults:
        raise ValidationError(faults)


def _faults(labels: Mapping[str, str], tills: int) -> Iterator[str]:
    for number, label in labels.items():
        if int(number) > tills:
            yield _("There is no till %(till)s to be called “%(label)s”.") % {"till": number, "label": label}
        if not 1 <= len(label) <= LONGEST or not is_one_line(label):
            yield _("A label has 1 to %(most)s letters.") % {"most": LONGEST}
        if label.isdecimal() and len(label) > MOST_DIGITS:
            yield _("A label that is a number has %(most)s digits at most.") % {"most": MOST_DIGITS}
    names = Counter(labels.get(str(number), str(number)) for number in range(1, tills + 1))
    for name, times in names.items():
        if times > 1:
            yield _("Two tills would be called “%(label)s”.") % {"label": name}


def till_name(till: Till) -> str:
    """What the till is called in a sentence of the active language: "Nº4", "Kasse 4", "Pharmacy"."""
    return till.word or pgettext("in a sentence", "Nº%(digits)s") % {"digits": till.digits}
