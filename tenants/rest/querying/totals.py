"""How many rows a list has, counted again only when that may have changed: counting costs more than a page."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Event, Lock
from typing import Any

from django.db.models import QuerySet

from tenants.rest.querying.bounded import seconds_left, too_long

KEPT = 4096
LONGEST_FILTER = 1000  # characters; a longer one is not worth its room


def total_of(queryset: QuerySet[Any], filter: str, totals_key: Callable[[], Hashable]) -> int:
    """Return the number of rows, which this process knows if it has counted for the same key and filter before.

    The key is read before the rows are counted: a change between the two makes a total newer than its key, never older.
    """
    key = totals_key() if len(filter) <= LONGEST_FILTER else None
    if key is None:
        return queryset.order_by().count()
    return _total((key, filter)).counted_by(queryset.order_by().count)


@dataclass
class _Total:
    """A number that who needs it first counts, while the others wait: all at once would take as long as in turn."""

    number: int | None = None
    claim: Lock = field(default_factory=Lock)
    tried: Event = field(default_factory=Event)

    def counted_by(self, count: Callable[[], int]) -> int:
        """Return the number. If the first could not count it, each counts; nobody waits past the own deadline."""
        if self.number is None and self.claim.acquire(blocking=False):
            try:
                self.number = count()
            finally:
                self.tried.set()
        if not self.tried.wait(seconds_left()):
            raise too_long()
        if self.number is None:
            self.number = count()
        return self.number


@lru_cache(maxsize=KEPT)
def _total(key: Hashable) -> _Total:
    """Return the place for a total: without a number until it is counted."""
    return _Total()
