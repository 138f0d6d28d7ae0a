"""Django settings of the tests: the web service's own, with keys of no worth and its database in memory."""

import os

os.environ.setdefault("CASHIER_SECRET_KEY", "only for tests, " * 3)
os.environ.setdefault("CASHIER_TICKET_KEY", "only for tests, " * 3)
os.environ["DATABASE_URL"] = "sqlite://:memory:"
os.environ["CASHIER_OPEN_BUTTONS"] = os.environ["CASHIER_OPEN_SCREENS"] = "true"

from cashier_web.settings import *  # noqa: F403

# Pages are tested without `collectstatic`; the names with hashes are seen by the tests in the browser.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
