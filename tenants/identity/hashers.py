"""How passwords are hashed."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import bcrypt
from django.contrib.auth.hashers import Argon2PasswordHasher, BCryptPasswordHasher, get_hashers


class PasswordHasher(Argon2PasswordHasher):
    """Argon2id at the cost that OWASP's Password Storage Cheat Sheet names: 19 MiB, 2 passes, 1 lane.

    Django's own cost of 100 MiB a login would let a handful of logins at once exhaust a small server. So would each
    thread that keeps the memory of the last password it hashed, as C's allocator has it: a few threads hash for all.
    """

    time_cost = 2
    memory_cost = 19_456  # KiB
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        return _hashing(os.getpid()).submit(super().encode, password, salt).result()

    def verify(self, password: str, encoded: str) -> bool:
        return _hashing(os.getpid()).submit(super().verify, password, encoded).result()


@lru_cache(maxsize=1)
def _hashing(process: int) -> ThreadPoolExecutor:
    """Return the threads of a process that hash, which a process forked from it does not have."""
    return ThreadPoolExecutor(os.cpu_count(), "hashing")


class ImportedHasher(BCryptPasswordHasher):
    """Bcrypt as the original keeps it, until the first login hashes the password anew."""

    rounds = 8  # the original's cost

    def encode(self, password: str, salt: bytes) -> str:  # type: ignore[override]
        # The original never looked beyond the 72nd byte, and the library takes no more.
        return f"{self.algorithm}${bcrypt.hashpw(password.encode()[:72], salt).decode()}"


def equalize_hash_time(password: str, checked: str = "") -> None:
    """Hash as every hasher does but the one that has `checked` the password: a failure's time tells nothing."""
    for hasher in get_hashers():
        if not checked.startswith(f"{hasher.algorithm}$"):
            hasher.encode(password, hasher.salt())
