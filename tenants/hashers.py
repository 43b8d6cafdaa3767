"""How passwords are hashed."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class PasswordHasher(Argon2PasswordHasher):
    """Argon2id at the cost that OWASP's Password Storage Cheat Sheet names: 19 MiB, 2 passes, 1 lane.

    Django's own cost of 100 MiB a login would let a handful of logins at once exhaust a small server.
    """

    time_cost = 2
    memory_cost = 19_456  # KiB
    parallelism = 1
