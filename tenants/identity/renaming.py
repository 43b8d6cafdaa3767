"""Corrects stored names that break the rules for names, in migrations and restores; idempotent.

Every function takes model classes, because migrations use historical ones.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db.models import Model

from tenants.rows.batches import batches, keys_of
from tenants.rows.texts import LONGEST, LONGEST_USERNAME, alternatives, mended_name, mended_text

BATCH = 500
logger = logging.getLogger(__name__)


def mend_tenants(tenants: type[Model], users: type[Model]) -> None:
    """Correct usernames and the contact fields that hold a single line."""
    for column, longest in (("organization", 255), ("phone", 64), ("database", 255)):
        mend_column(tenants, column, _line_of(longest))
    mend_column(
        users,
        "username",
        lambda text, pk: mended_name(text, f"user {pk}", LONGEST_USERNAME),
        within=("tenant_id",),
        longest=LONGEST_USERNAME,
    )


def _line_of(longest: int) -> Callable[[str, str], str]:
    return lambda text, pk: mended_text(text, longest)


def mend_column(
    model: type[Model],
    column: str,
    mend: Callable[[str, str], str],
    *,
    within: Sequence[str] = (),
    longest: int = LONGEST,
    behind: str = " ({})",
) -> None:
    """Replace each text of a column with `mend(text, primary key)`, unique among the rows with the same `within`."""
    rows = model._base_manager
    for pk, text, *scope in rows_of(model, column, *within):
        if (mended := mend(text, pk)) == text:
            continue
        others = rows.filter(**dict(zip(within, scope, strict=True))) if within else rows.none()
        names = alternatives(mended, text, longest, behind)
        name = next(name for name in names if not others.filter(**{column: name}).exists())
        rows.filter(pk=pk).update(**{column: name})
        report(model, column, pk, text, name)


def rows_of(model: type[Model], *columns: str) -> Iterator[tuple[Any, ...]]:
    """Give primary key and columns of all rows, in little memory; the caller may change rows during iteration."""
    rows = model._base_manager
    for keys in batches(keys_of(rows.all()), BATCH):
        yield from rows.filter(pk__in=keys).order_by("pk").values_list("pk", *columns)


def report(model: type[Model], column: str, pk: str, old: str, new: str) -> None:
    """Log a name that was changed, for the operator."""
    logger.warning("renamed: %s of %s %s: %r is %r now", column, model._meta.model_name, pk, old[:80], new[:80])
