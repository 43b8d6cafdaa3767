"""Pages of MLflow's searches: keyset pages, whose token is the position of the last row."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from django.db import router

from registry_site.dialects.mlflow.documents import milliseconds
from registry_site.dialects.mlflow.errors import MLflowError
from tenants.rest.querying.bounded import bounded_search
from tenants.rest.querying.compile import resolved
from tenants.rest.querying.fields import Key, field_table
from tenants.rest.querying.parse import parse
from tenants.rest.querying.search import Search
from tenants.rows.fields import INT64
from tenants.rows.prepared import Rows

TIMES = ("timestamp", "lastmod", "ended")
LONGEST_TOKEN = 10_000


@dataclass(frozen=True)
class Wanted:
    """What a search asks for: one of our filters, the order, and the page."""

    filter: dict[str, Any]
    keys: tuple[Key, ...]
    limit: int
    token: str = ""


def page_of(rows: Rows, fields: dict[str, str], wanted: Wanted) -> tuple[list[Any], str]:
    """Return the rows of a page, and the token of the next page, which is empty for the last.

    Its queries together take at most `QUERY_TIMEOUT` seconds.
    """
    keys, limit = wanted.keys, wanted.limit
    position = position_in(wanted.token, keys) if wanted.token else None
    tree = parse(orjson.dumps(wanted.filter).decode() if wanted.filter else "", field_table(fields))
    with bounded_search(router.db_for_read(rows.model)):
        search = Search(rows, resolved(tree, None, rows.model))
        found = list(search.page(keys, position, 0, limit + 1))
    return found[:limit], token_after(found[limit - 1], keys) if len(found) > limit else ""


def token_after(row: Any, keys: Sequence[Key]) -> str:
    """Return the token of the page after a row."""
    values = [getattr(row, key.path) for key in keys]
    plain = [milliseconds(value) if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(orjson.dumps(plain)).decode()


def position_in(token: str, keys: Sequence[Key]) -> tuple[Any, ...]:
    """Return the values of the keys that a token has. Raises MLflowError for a token of another search."""
    try:
        values = orjson.loads(base64.urlsafe_b64decode(token[:LONGEST_TOKEN]))
        if not isinstance(values, list) or len(values) != len(keys):
            raise ValueError(token)
        return tuple(_value(value, key) for value, key in zip(values, keys, strict=True))
    except (ValueError, OverflowError, OSError, binascii.Error):
        raise MLflowError("Invalid page token") from None


def _value(value: Any, key: Key) -> Any:
    if key.path in (*TIMES, "number"):
        if not isinstance(value, int) or value not in INT64:
            raise ValueError(value)
        return datetime.fromtimestamp(value / 1000, UTC) if key.path in TIMES else value
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(value)
    return value


def limited(sent: Any, default: int, most: int) -> int:
    """Return `max_results`. Raises MLflowError outside of its bounds."""
    limit: int = sent.integer("max_results", default)
    if not 1 <= limit <= most:
        raise MLflowError(f"Invalid value {limit} for parameter 'max_results' supplied. It is from 1 to {most}.")
    return limit
