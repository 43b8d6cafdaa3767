"""A store of files that tells tests when it puts bytes in their place."""

from collections.abc import Callable
from typing import ClassVar

from versions.storage import ContentStorage, Received


class HookedStorage(ContentStorage):
    """Calls `before` and `after` around each copy to a key, and notes the keys."""

    before: ClassVar[Callable[..., object]]
    after: ClassVar[Callable[..., object]]
    kept: ClassVar[list[str]]

    def keep(self, received: Received, key: str) -> None:
        self.kept.append(key)
        self.before(key)
        super().keep(received, key)
        self.after(key)
