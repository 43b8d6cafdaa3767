"""Replaces synonyms in filters, orders and columns by the words that they stand for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tenants.rest.querying.fields import Field, Key
from tenants.rest.querying.tree import All, Compare, Node, Not, Some, Whole, mapped
from tenants.rest.querying.tree import Any as AnyOf
from tenants.rows.hooks import hook
from tenants.rows.texts import unfit_name

EQUAL = ("eq", "in")
METADATA, NAMED = "metadata", "metadata."  # the kind of word, and the fields of its values
Current = Mapping[tuple[str, str], str]  # words by kind and synonym


def current_words_of(node: Node, keys: tuple[Key, ...], tenant_id: str | None) -> Current:
    """Return the words that synonyms in a filter and in an order stand for; without names of words, no query."""
    names: dict[str, set[str]] = {}
    for field, name in _named(node):
        names.setdefault(field.words, set()).add(name)
    for key in keys:
        if key.pair and key.words:
            names.setdefault(key.words, set()).add(key.pair)
    if not names or not tenant_id:
        return {}
    found: Current = hook("current_words")(
        tenant_id=tenant_id, names={kind: sorted(some) for kind, some in names.items()}
    )
    return found


def columns_in_words(columns: Sequence[str], tenant_id: str | None) -> tuple[list[str], Current]:
    """Return the columns, each once, with `metadata.<name>` under words instead of synonyms, and what was replaced."""
    names = sorted({column.removeprefix(NAMED) for column in columns if column.startswith(NAMED)})
    names = [name for name in names if not unfit_name(name)]
    current: Current = {}
    if names and tenant_id:
        current = hook("current_words")(tenant_id=tenant_id, names={METADATA: names})
    words = {f"{NAMED}{name}": f"{NAMED}{word}" for (_, name), word in current.items()}
    return list(dict.fromkeys(words.get(column, column) for column in columns)), current


def in_current_words(node: Node, tenant_id: str | None) -> Node:
    """Return the tree with words instead of synonyms."""
    return with_words(node, current_words_of(node, (), tenant_id))


def keys_with_words(keys: tuple[Key, ...], current: Current) -> tuple[Key, ...]:
    """Return the order by the values of words instead of synonyms."""
    return tuple(replace(key, pair=current.get((key.words, key.pair), key.pair)) for key in keys)


def with_words(node: Node, current: Current) -> Node:
    """Return the tree with these words instead of synonyms."""
    if not current:
        return node

    def change(leaf: Any) -> Node:
        match leaf:
            case Some(_, part):
                return replace(leaf, part=mapped(part, change))
            case Whole(field, elements) if field.words:
                return replace(leaf, elements=tuple(current.get((field.words, name), name) for name in elements))
            case Compare(field, "eq", str(name)) if field.words:
                return replace(leaf, operand=current.get((field.words, name), name))
            case Compare(field, "in", tuple(names)) if field.words:
                return replace(leaf, operand=tuple(current.get((field.words, str(name)), name) for name in names))
        unchanged: Node = leaf
        return unchanged

    return mapped(node, change)


def _named(node: Node) -> Iterator[tuple[Field, str]]:
    """Yield the names of words that conditions compare with, and their fields."""
    match node:
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from _named(part)
        case Not(part) | Some(_, part):
            yield from _named(part)
        case Whole(field, elements) if field.words:
            yield from ((field, name) for name in elements)
        case Compare(field, operator, operand) if field.words and operator in EQUAL:
            names = operand if isinstance(operand, tuple) else (operand,)
            yield from ((field, str(name)) for name in names)
