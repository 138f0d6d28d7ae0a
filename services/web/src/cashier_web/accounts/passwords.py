"""The passwords: how they are hashed, and how long they have to be."""

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.password_validation import MinimumLengthValidator
from django.utils.translation import gettext as _


class Argon2(Argon2PasswordHasher):
    """Argon2id with what OWASP's Password Storage Cheat Sheet says at least: 19 MiB and two passes.

    Django's own takes 100 MiB for each sign-in, and a web with all its threads may have 128 at once.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1


class LongEnough(MinimumLengthValidator):
    """Django's own, but that the reason is in all languages."""

    def get_error_message(self) -> str:
        return _("This password has fewer than %(least)s characters.") % {"least": self.min_length}
