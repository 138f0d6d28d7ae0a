"""The text of a receipt, which tells a cashier what became of a press."""

from django.contrib.humanize.templatetags.humanize import ordinal
from django.utils.html import strip_tags
from django.utils.translation import gettext as _

from cashier_core.till import Till
from cashier_core.timeline import Receipt
from cashier_web.stores.labels import till_name


def receipt_text(receipt: Receipt, till: Till) -> str:
    """In the active language: "Nº4 called", or "Nº4 is 2nd, in 3 s"."""
    if receipt.outcome == "called":
        return _("%(till)s called") % {"till": till_name(till)}
    if receipt.outcome == "stays up":
        return _("%(till)s stays on the screen") % {"till": till_name(till)}
    seconds = -(-receipt.starts_in_ms // 1000)
    return _("%(till)s is %(place)s, in %(seconds)s s") % {
        "till": till_name(till),
        "place": ordinal_place(receipt.place),
        "seconds": seconds,
    }


def ordinal_place(number: int) -> str:
    """In the active language: "2nd"."""
    # Django writes the ordinals of some languages with markup ("2<sup>e</sup>"), but a receipt is plain text. Django's
    # Italian ordinals ("2esimo") are unusual.
    return strip_tags(str(ordinal(number))).replace("esimo", "º")
