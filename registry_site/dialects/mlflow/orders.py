"""MLflow's orders, such as `name DESC`, as our sort keys."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry_site.dialects.mlflow.errors import MLflowError
from registry_site.dialects.mlflow.filters import ENTITIES
from tenants.rest.querying.fields import Key
from tenants.rows.texts import shown


@dataclass(frozen=True)
class Order:
    """One element of `order_by`, such as `name DESC`."""

    entity: str
    key: str
    descending: bool


def orders_of(texts: Sequence[str]) -> list[Order]:
    """Return the elements of `order_by`. Raises MLflowError."""
    if len(texts) > 10:
        raise MLflowError("order_by has at most 10 elements")
    return [_order(text.strip()) for text in texts]


def _order(text: str) -> Order:
    match = re.fullmatch(r"(\S.{0,300}?)(?:\s+(ASC|DESC))?", text, re.IGNORECASE)
    if match is None:
        raise MLflowError(f"Invalid order_by clause '{shown(text)}'. Could not be parsed.")
    first, dot, rest = match[1].partition(".")
    entity, key = (ENTITIES.get(first, first), rest) if dot else ("", match[1])
    return Order(entity, key.strip('`"'), (match[2] or "").upper() == "DESC")


def keys_of(orders: Sequence[Order], columns: Mapping[str, str], default: Sequence[Key]) -> tuple[Key, ...]:
    """Return the sort keys, with the default order behind. Raises MLflowError for an unknown attribute."""
    keys: list[Key] = []
    for order in orders:
        if order.entity or order.key not in columns:
            raise MLflowError(f"Invalid order_by key '{shown(order.key)}' specified. Valid keys are {list(columns)}")
        keys.append(Key(columns[order.key], order.descending))
    paths = [key.path for key in keys]
    if len(set(paths)) < len(paths):
        raise MLflowError("`order_by` contains duplicate fields")
    return *keys, *(key for key in default if key.path not in paths)
