"""Requests to object stores for many objects, some at once: an answer takes tens of milliseconds."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from versions.incoming import Received

PARALLEL = 16


class ManyObjects(ABC):
    """What an object store does for many objects with its methods for one."""

    @abstractmethod
    def keep(self, received: Received, key: str) -> None: ...

    @abstractmethod
    def discard(self, received: Received) -> None: ...

    @abstractmethod
    def remove(self, key: str) -> None: ...

    def keep_all(self, received: Mapping[str, Received]) -> None:
        """Copy received bytes to their keys. Raises OSError."""
        _in_parallel(self.keep, received.values(), received)

    def discard_all(self, received: Iterable[Received]) -> None:
        """Delete temporary objects."""
        _in_parallel(self.discard, received)

    def remove_all(self, keys: Iterable[str]) -> None:
        """Delete the bytes of keys. Raises OSError if the store has failed to delete some."""
        _in_parallel(self.remove, keys)


def _in_parallel(call: Callable[..., object], *arguments: Iterable[Any]) -> None:
    """Call with each of the arguments, some at once. Raises what a call raised; no more calls begin then.

    So a store that does not answer costs one timeout, also in a transaction.
    """
    with ThreadPoolExecutor(PARALLEL) as pool:
        results = [pool.submit(call, *each) for each in zip(*arguments, strict=True)]
        try:
            for result in results:
                result.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
