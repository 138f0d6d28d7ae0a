"""Django's settings for sending mail."""

from typing import Any

import dj_email_url

TIMEOUT_SECONDS = 10
"""The time for which a mail server may be silent."""
NAMES = ("EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS", "EMAIL_USE_SSL")


def mail_settings(url: str) -> dict[str, Any]:
    """Return the settings for the mail server with this URL, as in EMAIL_URL."""
    found = dj_email_url.parse(url)
    server = {name: found[name] for name in NAMES}
    backend = "django.core.mail.backends.smtp.EmailBackend"
    return {"EMAIL_BACKEND": backend, "EMAIL_TIMEOUT": TIMEOUT_SECONDS, **server}
