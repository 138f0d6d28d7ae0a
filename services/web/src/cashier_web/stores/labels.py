"""Labels: names of tills that are shown instead of their numbers. People type them like "4=Pharmacy; 5=12"."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from cashier_core.till import SIZES, Till
from cashier_web.validators import is_one_line

LONGEST = SIZES[-1]
"""How many characters a label may have. A longer label would not fit on a screen."""
MOST_DIGITS = 4
"""How many digits a label may have if it is a number."""
EXAMPLE = "4=Pharmacy; 5=12"


def parse_pairs(text: str, example: str = EXAMPLE) -> dict[str, str]:
    """Parse pairs of a till's number and a value, like "4=Pharmacy; 5=12".

    Semicolons or line breaks separate the pairs. Returns a dictionary of the values by the till's number.

    Raises ValidationError if a pair is malformed or if a till occurs twice. The reason for a malformed pair contains
    `example`.
    """
    labels: dict[str, str] = {}
    for pair in filter(str.strip, re.split(r"[;\n]", text)):
        number, equals, label = (part.strip() for part in pair.partition("="))
        if not equals or not re.fullmatch(r"[1-9][0-9]?", number):
            params = {"example": example, "pair": pair.strip()}
            raise ValidationError(_("Write this like “%(example)s”, not like “%(pair)s”.") % params)
        if number in labels:
            raise ValidationError(_("Till %(till)s appears twice.") % {"till": number})
        labels[number] = label
    return labels


def write_pairs(labels: Mapping[str, str]) -> str:
    """Return the labels as a text such as "1=Bakery; 2=Fish", in the order of the tills. `parse_pairs` reads this text.

    labels: the label of each till, by the till's number. The function also writes arrows instead of labels.
    """
    return "; ".join(f"{number}={label}" for number, label in sorted(labels.items(), key=lambda pair: int(pair[0])))


def check_labels(labels: Mapping[str, str], tills: int) -> None:
    """Raise ValidationError, with every reason, if these labels are not valid.

    labels: the label of each till, by the till's number. tills: how many tills the store has.
    """
    faults = list(_faults(labels, tills))
    if faults:
        raise ValidationError(faults)


def _faults(labels: Mapping[str, str], tills: int) -> Iterator[str]:
    for number, label in labels.items():
        if int(number) > tills:
            yield _("Till %(till)s has the label “%(label)s”, but the store has no such till.") % {
                "till": number,
                "label": label,
            }
        if not 1 <= len(label) <= LONGEST or not is_one_line(label):
            yield _("A label must have 1 to %(most)s characters.") % {"most": LONGEST}
        if label.isdecimal() and len(label) > MOST_DIGITS:
            yield _("A label that is a number may have at most %(most)s digits.") % {"most": MOST_DIGITS}
    names = Counter(labels.get(str(number), str(number)) for number in range(1, tills + 1))
    for name, times in names.items():
        if times > 1:
            yield _("Two tills have the same name: “%(label)s”.") % {"label": name}


def till_name(till: Till) -> str:
    """The name of the till within a sentence, in the active language: "Nº4", "Kasse 4", "Pharmacy"."""
    return till.word or pgettext("in a sentence", "Nº%(digits)s") % {"digits": till.digits}
