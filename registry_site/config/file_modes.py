"""Keeps files private: other users of the machine can read them only if `UMASK` allows it."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE

OWNER_ONLY = 0o700


def set_umask(umask: str) -> int:
    """Set the umask of this process and the processes that it starts; return it as a number."""
    mask = int(umask, 8)
    os.umask(mask)
    return mask


def restrict(paths: Iterable[Path], allowed: int) -> None:
    """Remove all permissions except `allowed` from existing files and folders.

    Files that do not exist or belong to another user are skipped.
    """
    for path in paths:
        with suppress(OSError):
            mode = S_IMODE(path.stat().st_mode)
            if mode & ~allowed:
                path.chmod(mode & allowed)
