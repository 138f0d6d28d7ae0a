"""Defines how passwords are hashed, and how long they must be."""

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.password_validation import MinimumLengthValidator
from django.utils.translation import gettext as _


class Argon2(Argon2PasswordHasher):
    """Hashes passwords with Argon2id and the minimum settings of OWASP's Password Storage Cheat Sheet.

    These settings are 19 MiB of memory and two passes. Django's default settings take 100 MiB for each sign-in. This
    is too much, because the threads of one web container may handle up to 128 sign-ins at once.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1


class LongEnough(MinimumLengthValidator):
    """Checks the minimum length of a password, with an error message in all languages of cashier_q."""

    def get_error_message(self) -> str:
        return _("The password must have at least %(least)s characters.") % {"least": self.min_length}
