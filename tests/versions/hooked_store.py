"""A file store that calls a test's hooks when it stores bytes."""

from collections.abc import Callable
from typing import ClassVar

from versions.storage import ContentStorage, Received


class HookedStorage(ContentStorage):
    """Calls `before` and `after` around each copy to a key, and records the keys."""

    before: ClassVar[Callable[..., object]]
    after: ClassVar[Callable[..., object]]
    kept: ClassVar[list[str]]

    def keep(self, received: Received, key: str) -> None:
        self.kept.append(key)
        self.before(key)
        super().keep(received, key)
        self.after(key)
