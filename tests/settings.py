"""Django settings for tests of the web service: the settings of web with test keys and a database in memory."""

import os

os.environ.setdefault("CASHIER_SECRET_KEY", "only for tests, " * 3)
os.environ.setdefault("CASHIER_TICKET_KEY", "only for tests, " * 3)
os.environ["DATABASE_URL"] = "sqlite://:memory:"
os.environ["CASHIER_OPEN_BUTTONS"] = os.environ["CASHIER_OPEN_SCREENS"] = "true"

from cashier_web.settings import *  # noqa: F403

# The tests of web run without `collectstatic`, so the names of static files contain no hashes. The browser tests cover
# names with hashes.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
