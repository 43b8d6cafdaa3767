"""Words that a curator has found to be no duplicates of each other, so that they are not proposed again."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import orjson

from folksonomy.models import Dismissal, MetadataName, Tag
from tenants.exceptions import Refused
from tenants.ledger import Subject, created, deleted, record
from tenants.models import User
from tenants.rows.fences import reference_guard
from tenants.rows.transactions import retried

MOST_WORDS = 20  # of a dismissal
MOST = 10_000  # newest dismissals of a tenant that are read
Kind = type[Tag | MetadataName]


def dismissed(kind: Kind, tenant_id: str) -> list[list[str]]:
    """Return the words of each dismissal, the newest first."""
    newest = Dismissal.objects.of(tenant_id).filter(kind=kind.kind).order_by("-timestamp", "-pk")[:MOST]
    return [orjson.loads(words) for words in newest.values_list("words", flat=True)]


def apart(dismissals: Sequence[Sequence[str]]) -> set[frozenset[str]]:
    """Return the pairs of words that are no duplicates."""
    return {frozenset(pair) for words in dismissals for pair in combinations(words, 2)}


@retried
def dismiss(kind: Kind, tenant_id: str, words: Sequence[str], *, by: User | None) -> None:
    """Note that these words are no duplicates of each other. Raises Refused (`post_request_error`) for a bad choice."""
    names = _valid(words)
    with reference_guard(tenant_id, by, changes_items=False):
        known: set[str] = set(kind.objects.of(tenant_id).filter(name__in=names).values_list("name", flat=True))
        if missing := [name for name in names if name not in known]:
            raise Refused("post_request_error", f"No such word: {missing[0]}")
        rows = _rows(kind, tenant_id, names)
        if not rows.exists():
            row = Dismissal(tenant_id=tenant_id, kind=kind.kind, words=orjson.dumps(names).decode())
            row.save(force_insert=True)
            _record(row, "dismissed", created({"words": names}), by)


@retried
def propose_again(kind: Kind, tenant_id: str, words: Sequence[str], *, by: User | None) -> None:
    """Take a dismissal back. Raises Refused (`post_request_error`) if exactly these words are not dismissed."""
    names = _valid(words)
    with reference_guard(tenant_id, by, changes_items=False):
        rows = list(_rows(kind, tenant_id, names))
        if not rows:
            raise Refused("post_request_error", f"Not dismissed: {', '.join(names)}")
        for row in rows:
            _record(row, "undismissed", deleted({"words": names}), by)
            row.delete()


def _valid(words: Sequence[str]) -> list[str]:
    """Return the words, each once, in order."""
    names = sorted(set(words))
    if not 2 <= len(names) <= MOST_WORDS:
        raise Refused("post_request_error", f"Choose 2 to {MOST_WORDS} words that are no duplicates")
    return names


def _rows(kind: Kind, tenant_id: str, names: list[str]) -> Any:
    return Dismissal.objects.of(tenant_id).filter(kind=kind.kind, words=orjson.dumps(names).decode())


def _record(row: Dismissal, verb: str, changes: Any, by: User | None) -> None:
    about = Subject(row.pk, row.kind, str(row))
    record(tenant=row.tenant_id, type=f"{row.kind}.{verb}", actor=by, item=about, changes=changes)
