"""The values that merges would lose, which a curator confirms by typing their number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import router

from catalog.merges.preview import EXAMPLES, preview_merge
from catalog.models import Item
from folksonomy.models import MetadataName, Tag
from tenants.rest.querying.bounded import bounded_search


@dataclass(frozen=True)
class Losses:
    """The number of values that each word would lose, by its key, and some of the values."""

    by_word: Mapping[str, int] = field(default_factory=dict)
    examples: Sequence[tuple[str, Mapping[str, Any]]] = ()

    @property
    def total(self) -> int:
        return sum(self.by_word.values())

    def are_confirmed(self, typed: str) -> bool:
        return not self.total or typed.strip() == str(self.total)


def losses_of(terms: Sequence[Tag | MetadataName], into: Tag | MetadataName | None) -> Losses:
    """Return what is lost if these words are merged into another one. Raises Refused if that takes too long."""
    if into is None:
        return Losses()
    with bounded_search(router.db_for_read(Item)):
        previews = {term: preview_merge(term=term, name=into.name) for term in terms if term.pk != into.pk}
    examples = [(term.name, example) for term, preview in previews.items() for example in preview.examples]
    return Losses({term.pk: preview.values_lost for term, preview in previews.items()}, examples[:EXAMPLES])
