"""Process many rows in little memory, without an open cursor while each batch is processed."""

from collections.abc import Iterable, Iterator
from itertools import islice
from tempfile import TemporaryFile
from typing import Any, TypeVar

from django.db import models

from tenants.rows.transactions import atomic, retried

T = TypeVar("T")
DELETE_BATCH = 1000  # rows deleted in one transaction


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Give the items in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def keys_of(rows: models.QuerySet[Any]) -> Iterator[str]:
    """Give the primary keys of rows, read into a file first, because processing may take hours and change the rows."""
    with TemporaryFile("w+", encoding="utf-8") as file:
        file.writelines(f"{key}\n" for key in rows.values_list("pk", flat=True).iterator())
        file.seek(0)
        for line in file:
            yield line.removesuffix("\n")


def delete_in_batches(rows: models.QuerySet[Any]) -> None:
    """Delete rows in several transactions, so that other writers can continue."""
    for keys in batches(keys_of(rows), DELETE_BATCH):
        _delete(rows.filter(pk__in=keys))


@retried
def _delete(rows: models.QuerySet[Any]) -> None:
    with atomic():
        rows.all().delete()
