"""The voices: what screens say when a till is called, a file for each language. `make voices` makes them."""

import json
from functools import cache
from pathlib import Path

from django.templatetags.static import static

FOLDER = Path(__file__).parents[1] / "static" / "cashier_web" / "voices"


@cache
def addresses() -> str:
    """Where the file of each language is, in JSON."""
    return json.dumps({file.stem: static(f"cashier_web/voices/{file.name}") for file in sorted(FOLDER.glob("*.opus"))})
