"""The password hasher."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id with what OWASP's Password Storage Cheat Sheet says at least: 19 MiB and two passes.

    Django's own takes 100 MiB for each sign-in, and a web with all its threads may have 128 at once.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
