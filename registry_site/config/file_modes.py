"""Who else on the machine reads what the registry writes: nobody, unless `UMASK` lets them."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE

OWNER_ONLY = 0o700


def apply(umask: str) -> int:
    """Have this process, and those that it starts, create files and folders with this umask; return it as a number."""
    mask = int(umask, 8)
    os.umask(mask)
    return mask


def tighten(paths: Iterable[Path], allowed: int) -> None:
    """Take away from existing files and folders the permissions that are not among `allowed`.

    What is not there, or belongs to somebody else, stays as it is.
    """
    for path in paths:
        with suppress(OSError):
            mode = S_IMODE(path.stat().st_mode)
            if mode & ~allowed:
                path.chmod(mode & allowed)
