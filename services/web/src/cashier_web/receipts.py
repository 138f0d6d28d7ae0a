"""The receipt: what the buttons page tells a cashier about a press."""

from django.contrib.humanize.templatetags.humanize import ordinal
from django.utils.html import strip_tags
from django.utils.translation import gettext as _

from cashier_core.timeline import Receipt


def text(receipt: Receipt, num_cashier: int) -> str:
    """In the active language: "Nº4 called", "Nº4 is 2nd, in 3 s"."""
    if receipt.outcome == "called":
        return _("Nº%(till)s called") % {"till": num_cashier}
    if receipt.outcome == "stays up":
        return _("Nº%(till)s stays up") % {"till": num_cashier}
    # Some languages' ordinals are written with markup ("2<sup>e</sup>"), which a receipt is not.
    seconds = -(-receipt.starts_in_ms // 1000)
    place = {"till": num_cashier, "place": strip_tags(str(ordinal(receipt.place))), "seconds": seconds}
    return _("Nº%(till)s is %(place)s, in %(seconds)s s") % place
