"""The sound files with the spoken announcements of calls, one file for each language. `make voices` creates them."""

import json
from functools import cache
from pathlib import Path

from django.templatetags.static import static

FOLDER = Path(__file__).parents[1] / "static" / "cashier_web" / "voices"


@cache
def voice_urls() -> str:
    """The URL of each language's sound file, as a JSON object."""
    return json.dumps({file.stem: static(f"cashier_web/voices/{file.name}") for file in sorted(FOLDER.glob("*.opus"))})
