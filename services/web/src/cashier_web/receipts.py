"""The receipt: what the buttons page tells a cashier about a press."""

from django.contrib.humanize.templatetags.humanize import ordinal
from django.utils.html import strip_tags
from django.utils.translation import gettext as _

from cashier_core.till import Till
from cashier_core.timeline import Receipt


def name(till: Till) -> str:
    """What the till is called, in the active language: "Nº4", "Pharmacy"."""
    return till.word or _("Nº%(digits)s") % {"digits": till.digits}


def text(receipt: Receipt, till: Till) -> str:
    """In the active language: "Nº4 called", "Nº4 is 2nd, in 3 s"."""
    if receipt.outcome == "called":
        return _("%(till)s called") % {"till": name(till)}
    if receipt.outcome == "stays up":
        return _("%(till)s stays up") % {"till": name(till)}
    # Some languages' ordinals are written with markup ("2<sup>e</sup>"), which a receipt is not.
    seconds = -(-receipt.starts_in_ms // 1000)
    place = {"till": name(till), "place": strip_tags(str(ordinal(receipt.place))), "seconds": seconds}
    return _("%(till)s is %(place)s, in %(seconds)s s") % place
