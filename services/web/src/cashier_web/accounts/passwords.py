"""How passwords are hashed, and how long they must be."""

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.password_validation import MinimumLengthValidator
from django.utils.translation import gettext as _


class Argon2(Argon2PasswordHasher):
    """Argon2id with the minimum of OWASP's Password Storage Cheat Sheet: 19 MiB and two passes.

    Django's default takes 100 MiB for each sign-in, and all threads of a web container may handle 128 at once.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1


class LongEnough(MinimumLengthValidator):
    """Django's validator, with a reason that is translated into all our languages."""

    def get_error_message(self) -> str:
        return _("The password must have at least %(least)s characters.") % {"least": self.min_length}
