"""What the tags and metadata names of a request mean: synonyms become their words before they are stored."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from catalog.changes import LISTS, ListChange, Replacement
from catalog.checks import WORDS, refuse_too_large
from catalog.models import Item
from folksonomy.models import MetadataName, Tag
from folksonomy.services import use_terms
from folksonomy.synonyms import Found, look_up
from tenants.ledger import Row
from tenants.models import User
from tenants.rows.texts import refuse, unfit_name
from versions.models import Version

Pairs = Sequence[Mapping[str, Any]]
HEADER = "Replaced-Words"
LONGEST_HEADER = 4000  # characters; what is more is left out


@dataclass(frozen=True)
class Words:
    """What the tags and metadata names of a request mean in a tenant."""

    tags: Found
    metadata: Found

    @classmethod
    def of(cls, tenant_id: str, tags: Iterable[str], names: Iterable[str]) -> "Words":
        """Return what the names mean: a query for each kind that has any, and one for each with names that are new."""
        return cls(look_up(Tag, tenant_id, tags), look_up(MetadataName, tenant_id, names))

    @property
    def replaced(self) -> dict[tuple[str, str], str]:
        """The synonyms among the names, by kind and name."""
        found = {"tag": self.tags, "metadata": self.metadata}
        return {(kind, name): word for kind, each in found.items() for name, word in each.words.items()}

    def pairs(self, pairs: Pairs) -> list[dict[str, Any]]:
        """Return the metadata under their words."""
        return [{**pair, "name": self.metadata(pair["name"])} for pair in pairs]

    def changes(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the changes of an item or version with words instead of synonyms."""
        changed = dict(changes)
        if self.tags.words and "tags" in changes:
            change, word = changes["tags"], self.tags
            update = [Replacement(word(each.old), word(each.new)) for each in change.update]
            changed["tags"] = ListChange([*map(word, change.remove)], update, [*map(word, change.add)])
        if self.metadata.words and "metadata" in changes:
            change = changes["metadata"]
            update = [Replacement(self.metadata(each.old), self.pairs([each.new])[0]) for each in change.update]
            changed["metadata"] = ListChange(self.pairs(change.remove), update, self.pairs(change.add))
        return changed

    def use(self, tags: Iterable[str], pairs: Pairs, *, by: User, error: str) -> list[Row]:
        """Add those of these words that are new, and return their events. Raises Refused with that error."""
        names = (pair["name"] for pair in pairs)
        return [
            *use_terms(Tag, tags, by=by, error=error, found=self.tags),
            *use_terms(MetadataName, names, by=by, error=error, found=self.metadata),
        ]


def words_of_new(holder: Any, tags: Sequence[str], pairs: Pairs, error: str) -> Words:
    """Return what the names of a new item or version mean. Raises Refused with that error for an invalid name."""
    names = [pair["name"] for pair in pairs]
    refuse([*tags, *names], unfit_name, error)
    return Words.of(holder.tenant_id, tags, names)


def changed_in_words(
    holder: Item | Version, changes: Mapping[str, Any], by: User, error: str
) -> tuple[Words, Mapping[str, Any]]:
    """Set the fields of an item or version; return what the names in the changes mean, and the changes in words.

    Raises Refused with that error for invalid names and for lists that get too long.
    """
    tags, metadata = (changes.get(field, ListChange()) for field in WORDS)
    old_tags = {*tags.remove, *(each.old for each in tags.update)} - set(holder.tags)
    old_names = {*(pair["name"] for pair in metadata.remove), *(each.old for each in metadata.update)}
    old_names -= {pair["name"] for pair in holder.metadata}
    new_tags, new_names = tags.new, {pair["name"] for pair in metadata.new}
    refuse([*new_tags, *new_names], unfit_name, error)
    words = Words.of(holder.tenant_id, {*new_tags, *old_tags}, {*new_names, *old_names})
    changes = words.changes(changes)
    for field, change in changes.items():
        is_list = isinstance(change, ListChange)
        setattr(holder, field, LISTS[field](getattr(holder, field), change, by) if is_list else change)
    refuse_too_large(holder, error)
    return words, changes


def use_new(words: Words, changes: Mapping[str, Any], by: User, error: str) -> list[Row]:
    """Add the new words that changes in words name, and return their events."""
    tags, metadata = (changes.get(field, ListChange()).new for field in WORDS)
    return words.use(tags, metadata, by=by, error=error)


def used(words: Words, holder: Any) -> Any:
    """Return the item or version, which tells the answer what was replaced."""
    holder.replaced = words.replaced
    return holder


class TellsReplaced:
    """A view whose answers tell in a header which synonyms of the request were replaced by words."""

    replaced: Mapping[tuple[str, str], str] = MappingProxyType({})

    def tell(self, row: Any) -> Any:
        """Return an item or version that the request has written, and remember what was replaced in it."""
        self.replaced = {**self.replaced, **row.replaced}
        return row

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        if self.replaced:
            response[HEADER] = header_of(self.replaced)
        return super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]


def header_of(replaced: Mapping[tuple[str, str], str]) -> str:
    """Return the value of the header that tells what was replaced: `tag old=new, metadata acc=accuracy`.

    Names are percent-encoded, as in URLs.
    """
    text = ""
    for (kind, name), word in sorted(replaced.items()):
        one = f"{kind} {quote(name, safe='')}={quote(word, safe='')}"
        if len(text) + len(one) > LONGEST_HEADER:
            break
        text += f", {one}" if text else one
    return text


def in_words(upload: Any, words: Words) -> Any:
    """Return an upload with words instead of synonyms."""
    return replace(upload, tags=[*map(words.tags, upload.tags)], metadata=words.pairs(upload.metadata))
