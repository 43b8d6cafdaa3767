"""Repairs stored names of items, tags and metadata that break the rules for names, for migrations and restores.

The next run completes an interrupted one, because the folksonomy's own rows are renamed last.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.db.models import F, Model

from tenants.identity.renaming import BATCH, mend_column, report, rows_of
from tenants.rows.batches import batches
from tenants.rows.texts import alternatives, mended_name, mended_title

NAMELESS = "unnamed"
Words = Mapping[tuple[str, str], str]  # by tenant and old word


def mend_items(items: type[Model], tags: type[Model], metadata_names: type[Model]) -> None:
    """Repair the names of items, and of tags and metadata names in the folksonomy and in all items.

    Each invalid word is replaced by one that is new in its tenant, so that no item loses a value.
    """
    mend_column(items, "name", mended_title, within=("tenant_id", "kind", "owner_id"))
    terms = {"tags": tags, "metadata": metadata_names}
    unfit, holders = _unfit_words(items, terms)
    new = {column: _new_words(terms[column], words) for column, words in unfit.items()}
    for keys in batches(holders, BATCH):
        for item in items._base_manager.filter(pk__in=keys):
            _rename_in(item, new)
    for column, model in terms.items():
        for (tenant_id, old), name in new[column].items():
            for pk in model._base_manager.filter(tenant_id=tenant_id, name=old).values_list("pk", flat=True):
                model._base_manager.filter(pk=pk).update(name=name)
                report(model, "name", pk, old, name)


def words_in(column: str, elements: Any) -> list[str]:
    """Return the words of an item's tags or metadata."""
    words = [pair.get("name") if isinstance(pair, Mapping) else None for pair in elements]
    return [word for word in (elements if column == "tags" else words) if isinstance(word, str)]


def _is_unfit(word: str) -> bool:
    return mended_name(word, "") != word


def _unfit_words(
    items: type[Model], terms: Mapping[str, type[Model]]
) -> tuple[dict[str, set[tuple[str, str]]], list[str]]:
    """Return by column the (tenant, word) pairs that break the rules, and the keys of the items that contain them."""
    unfit: dict[str, set[tuple[str, str]]] = {column: set() for column in terms}
    for column, model in terms.items():
        unfit[column] |= {(tenant, word) for _, tenant, word in rows_of(model, "tenant_id", "name") if _is_unfit(word)}
    holders: dict[str, None] = {}
    for pk, tenant_id, *lists in rows_of(items, "tenant_id", *terms):
        for column, elements in zip(terms, lists, strict=True):
            for word in filter(_is_unfit, words_in(column, elements)):
                unfit[column].add((tenant_id, word))
                holders[pk] = None
    return unfit, list(holders)


def _new_words(model: type[Model], unfit: set[tuple[str, str]]) -> Words:
    """Return a new word for each, unique in its tenant; the result is deterministic."""
    new: dict[tuple[str, str], str] = {}
    given: defaultdict[str, set[str]] = defaultdict(set)
    for tenant_id, word in sorted(unfit):
        known = model._base_manager.filter(tenant_id=tenant_id)
        for name in alternatives(mended_name(word, NAMELESS), word):
            if name not in given[tenant_id] and not known.filter(name=name).exists():
                break
        given[tenant_id].add(name)
        new[tenant_id, word] = name
    return new


def _rename_in(item: Any, new: Mapping[str, Words]) -> None:
    def renamed(column: str, word: Any) -> Any:
        return new[column].get((item.tenant_id, word), word) if isinstance(word, str) else word

    type(item)._base_manager.filter(pk=item.pk).update(
        tags=[renamed("tags", tag) for tag in item.tags],
        metadata=[
            pair | {"name": renamed("metadata", pair.get("name"))} if isinstance(pair, dict) else pair
            for pair in item.metadata
        ],
        revision=F("revision") + 1,
    )
