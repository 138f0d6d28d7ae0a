"""The Django settings that are the same in web and ws."""

from cashier_core import call

LANGUAGE_CODE = "en"
LANGUAGES = list(call.LANGUAGES.items())
USE_TZ = True
TIME_ZONE = "UTC"
