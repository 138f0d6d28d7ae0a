"""Arrows on screens, which show in which direction a till is. People type them like "4=left; 5=right"."""

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

DIRECTIONS = ("left", "right", "ahead")
EXAMPLE = "4=left; 5=right"


def check_arrows(arrows: Mapping[str, str], tills: int) -> None:
    """Raise ValidationError, with every reason, if these arrows are not valid.

    arrows: the direction of each till, by the till's number. tills: how many tills the store has.
    """
    faults = [
        _("An arrow is one of %(directions)s, not “%(arrow)s”.")
        % {"directions": ", ".join(DIRECTIONS), "arrow": direction}
        for direction in arrows.values()
        if direction not in DIRECTIONS
    ]
    faults += [
        _("An arrow points to till %(till)s, but the store has no such till.") % {"till": number}
        for number in arrows
        if int(number) > tills
    ]
    if faults:
        raise ValidationError(faults)
