"""How many rows a list has, counted again only when that may have changed: counting costs more than a page."""

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any

from django.db.models import QuerySet

KEPT = 4096
LONGEST_FILTER = 1000  # characters; a longer one is not worth its room


def total_of(queryset: QuerySet[Any], filter: str, totals_key: Callable[[], Hashable]) -> int:
    """Return the number of rows, which this process knows if it has counted for the same key and filter before.

    The key is read before the rows are counted: a change between the two makes a total newer than its key, never older.
    """
    key = totals_key() if len(filter) <= LONGEST_FILTER else None
    if key is None:
        return queryset.order_by().count()
    known = _known((key, filter))
    if not known:
        known.append(queryset.order_by().count())
    return known[0]


@lru_cache(maxsize=KEPT)
def _known(key: Hashable) -> list[int]:
    """Return the place for a total: empty until it is counted."""
    return []
