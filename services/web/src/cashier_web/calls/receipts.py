"""Writes the text of a receipt, which tells a cashier what became of a press."""

from django.contrib.humanize.templatetags.humanize import ordinal
from django.utils.html import strip_tags
from django.utils.translation import gettext as _

from cashier_core.till import Till
from cashier_core.timeline import Receipt
from cashier_web.stores.labels import till_name


def receipt_text(receipt: Receipt, till: Till) -> str:
    """Return the receipt as text in the active language, such as "Nº4 called" or "Nº4 is 2nd, in 3 s"."""
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
    """Return a place in the queue as an ordinal in the active language, such as "2nd"."""
    # In some languages, Django's ordinals contain HTML ("2<sup>e</sup>"). A receipt is plain text, so the HTML tags are
    # removed. Django's Italian ordinals ("2esimo") are unusual, so they are replaced by the usual ones ("2º").
    return strip_tags(str(ordinal(number))).replace("esimo", "º")
