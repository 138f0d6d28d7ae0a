"""Recognises requests for an address that nobody has sent on purpose.

The address of a simple button calls a customer when somebody requests it with GET. Chat programs request an address to
show a preview of the link. Browsers request an address before somebody opens it, and again when they restore a tab.
"""

import re

from django.http import HttpRequest

PURPOSES = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
"""The headers in which a browser says that it loads an address in advance, or for a preview."""
AGENTS = re.compile(
    r"""
    (?<!cu)bot\b  # TelegramBot, Slackbot, Discordbot, LinkedInBot, Applebot, ...; but CUBOT is a maker of telephones
    | crawl | spider | slurp | preview | unfurl | embedly | iframely | validator | lighthouse | imgproxy | imageproxy
    | facebookexternalhit | facebookcatalog | meta-external | whatsapp | telegram | slack | discord | skype | teams
    | linkedin | twitter | pinterest | snapchat | viber | line-poker | kakaotalk | vkshare | mattermost | rocket\.chat
    | mastodon | pleroma | akkoma | misskey | friendica | lemmy | zulip | nextcloud | ms-?office | microsoft\ office
    | googleother | google-(?!apps-script|http-java|home|assistant) | -google\b | google\ (?:\(|favicon|web)
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Finds the User-Agent of a program that requests an address for a preview or a search engine."""


def is_sent_without_purpose(request: HttpRequest) -> bool:
    """Return whether a link preview or a browser has requested the address.

    Scripts in a browser may request the address, because a script does this only on purpose.
    """
    headers = request.headers
    if any(headers.get(name) for name in PURPOSES) or AGENTS.search(headers.get("User-Agent", "")):
        return True
    # Browsers send the headers Sec-Fetch-* only to https:// addresses, and Upgrade-Insecure-Requests to all addresses
    # that they open as a page.
    is_page = headers.get("Sec-Fetch-Mode") == "navigate" or "Upgrade-Insecure-Requests" in headers
    return is_page or headers.get("Sec-Fetch-Dest", "empty") != "empty"
