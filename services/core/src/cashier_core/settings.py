"""Django settings that both services share."""

from cashier_core import call

LANGUAGE_CODE = "en"
LANGUAGES = list(call.LANGUAGES.items())
USE_TZ = True
TIME_ZONE = "UTC"
