"""What a merge of a word would change and lose."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.db import router

from catalog.arrays import count_uses
from catalog.models import Item, has_word
from folksonomy.models import MetadataName, Tag
from tenants.exceptions import Refused
from tenants.rest.querying.bounded import bounded_search, seconds_left
from tenants.rows.batches import batches
from versions.models import Version

EXAMPLES = 10
READ = 500  # rows at a time


@dataclass(frozen=True)
class Preview:
    """How many items a merge changes, how many values it loses, and some of these values."""

    items: int
    values_lost: int
    examples: list[dict[str, Any]]

    def to_api(self) -> dict[str, Any]:
        return asdict(self)


def preview_merge(*, term: Tag | MetadataName, name: str) -> Preview:
    """Return what would be lost if the term became the word `name`: values of items and versions that have both.

    Equal values are not lost, and tags have none. It reads only the items and versions with both names. Raises Refused
    (`get_request_error`) if it takes longer than `QUERY_TIMEOUT` seconds.
    """
    lost = 0
    examples: list[tuple[Any, Any, Any]] = []
    with bounded_search(router.db_for_read(Item)):
        for holder, kept, gone in _losses(term, name):
            lost += 1
            if len(examples) < EXAMPLES:
                examples.append((holder, kept, gone))
        found = Preview(count_uses([term])[term.pk], lost, _described(term.tenant_id, examples))
        seconds_left()
    return found


def refuse_loss(*, term: Tag | MetadataName, name: str, values_lost: int | None) -> None:
    """Raise Refused (`put_request_error`) unless that many values would be lost, or any number will do (None)."""
    if values_lost is None:
        return
    lost = sum(1 for _ in _losses(term, name))
    if lost != values_lost:
        raise Refused(
            "put_request_error",
            f"{lost} values of {term.name} would be lost where {name} has another value: "
            f"confirm this with values_lost={lost}, not {values_lost}",
        )


def _losses(term: Tag | MetadataName, name: str) -> Iterator[tuple[Any, Any, Any]]:
    """Yield each item and version that has both names with different values, the value it keeps and the one it loses.

    An item is its id, a version its item's id and its ordinal.
    """
    if isinstance(term, Tag):
        return
    for model, columns in ((Item, ("pk",)), (Version, ("subject", "ordinal"))):
        rows: Any = model.objects.of(term.tenant_id)
        both = rows.filter(has_word(MetadataName, term.name)).filter(has_word(MetadataName, name))
        keys: Any = both.order_by("pk").values_list("pk", flat=True)
        for some in batches(list(keys), READ):
            seconds_left()
            for *holder, metadata in both.filter(pk__in=some).order_by("pk").values_list(*columns, "metadata"):
                values = {pair["name"]: pair["value"] for pair in metadata}
                kept, lost = values[name], values[term.name]
                if kept != lost or isinstance(kept, bool) != isinstance(lost, bool):
                    yield holder, kept, lost


def _described(tenant_id: str, found: list[tuple[Any, Any, Any]]) -> list[dict[str, Any]]:
    items = Item.objects.of(tenant_id).in_bulk({holder[0] for holder, _, _ in found})
    return [
        {
            "item": {"_id": holder[0], "kind": items[holder[0]].kind, "name": items[holder[0]].name},
            "version": holder[1] if len(holder) > 1 else None,
            "kept": kept,
            "lost": lost,
        }
        for holder, kept, lost in found
        if holder[0] in items
    ]
