"""Django settings that both services have in common."""

from cashier_core import call

LANGUAGE_CODE = "en"
LANGUAGES = list(call.LANGUAGES.items())
USE_TZ = True
TIME_ZONE = "UTC"
