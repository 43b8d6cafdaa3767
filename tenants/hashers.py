"""How passwords are hashed."""

import bcrypt
from django.contrib.auth.hashers import Argon2PasswordHasher, BCryptPasswordHasher, get_hashers


class PasswordHasher(Argon2PasswordHasher):
    """Argon2id at the cost that OWASP's Password Storage Cheat Sheet names: 19 MiB, 2 passes, 1 lane.

    Django's own cost of 100 MiB a login would let a handful of logins at once exhaust a small server.
    """

    time_cost = 2
    memory_cost = 19_456  # KiB
    parallelism = 1


class ImportedHasher(BCryptPasswordHasher):
    """Bcrypt as the original keeps it, until the first login hashes the password anew."""

    rounds = 8  # the original's cost

    def encode(self, password: str, salt: bytes) -> str:  # type: ignore[override]
        # The original never looked beyond the 72nd byte, and the library takes no more.
        return f"{self.algorithm}${bcrypt.hashpw(password.encode()[:72], salt).decode()}"


def take_as_long_as_any(password: str, checked: str = "") -> None:
    """Hash as every hasher does but the one that has `checked` the password: a failure's time tells nothing."""
    for hasher in get_hashers():
        if not checked.startswith(f"{hasher.algorithm}$"):
            hasher.encode(password, hasher.salt())
