"""What a curator can do to several words at once, as a table: what is asked, what would happen, what happens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from catalog import curation
from catalog.admin.word_forms import CurationForm, MergeForm, RenameForm
from catalog.services import count_with_both
from folksonomy.models import Tag

Data = dict[str, Any]  # what was asked


@dataclass(frozen=True)
class Curation:
    """Something that can be done to words.

    `effect` tells of a word what would become of it, given what was asked and how many items use it. `apply` does it,
    and returns the word that it was done to and what to note of it, or None where there was nothing to do.
    """

    label: str
    explanation: str
    form: type[CurationForm]
    effect: Callable[[Any, Data, int], str]
    apply: Callable[[Any, Data], tuple[Any, str] | None]
    deletes: bool = False

    @property
    def title(self) -> str:
        return self.label.partition(" (")[0].rstrip("…")


def _items(count: int) -> str:
    return f"{count} item{'' if count == 1 else 's'}"


def _merge_effect(term: Any, data: Data, uses: int) -> str:
    into = data["into"]
    return "Stays" if term.pk == into.pk else _becomes(term, into.name, uses)


def _rename_effect(term: Any, data: Data, uses: int) -> str:
    return _becomes(term, data["name"], uses)


def _becomes(term: Any, name: str, uses: int) -> str:
    both = count_with_both(term=term, name=name)
    kept = "keep one" if isinstance(term, Tag) else f"keep the value of “{name}”"
    return f"Becomes “{name}” in {_items(uses)}" + (f"; {both} of them have both and {kept}" if both else "")


def _merge(term: Any, data: Data) -> tuple[Any, str] | None:
    into, name = data["into"], term.name
    if term.pk == into.pk:
        return None
    changed = curation.merge_term(term=term, into=into)
    return into, f"Merged “{name}” into it, in {_items(changed)}"


def _rename(term: Any, data: Data) -> tuple[Any, str]:
    name = term.name
    renamed, changed = curation.rename_term(term=term, name=data["name"])
    return renamed, f"Renamed from “{name}”, in {_items(changed)}"


def _use(usage: str) -> tuple[Callable[[Any, Data, int], str], Callable[[Any, Data], tuple[Any, str] | None]]:
    """Return effect and application of making words default or folk."""

    def effect(term: Any, data: Data, uses: int) -> str:
        return f"Is {usage} already" if term.usage == usage else f"Becomes {usage}"

    def apply(term: Any, data: Data) -> tuple[Any, str] | None:
        if term.usage == usage:
            return None
        curation.set_usage(term=term, usage=usage)
        return term, f"Made {usage}"

    return effect, apply


def _delete_effect(term: Any, data: Data, uses: int) -> str:
    return f"Stays, because {_items(uses)} use it" if uses else "Is deleted"


def _delete(term: Any, data: Data) -> tuple[Any, str] | None:
    return (term, "Deleted") if curation.delete_if_unused(term=term) else None


CURATIONS = {
    "promote": Curation(
        "Make default (suggested to people)",
        "Default words are suggested to people who describe a model or a dataset. Items stay as they are.",
        CurationForm,
        *_use("default"),
    ),
    "demote": Curation(
        "Make folk (no longer suggested)",
        "Folk words are those that people use without being suggested. Items stay as they are.",
        CurationForm,
        *_use("folk"),
    ),
    "merge": Curation(
        "Merge into another…",
        "Every item that has one of these words gets the other one in its place, and these words are forgotten.",
        MergeForm,
        _merge_effect,
        _merge,
    ),
    "rename": Curation(
        "Rename…",
        "Every item that has the word gets the new one in its place. If the new one exists, the two become one.",
        RenameForm,
        _rename_effect,
        _rename,
    ),
    "delete_unused": Curation(
        "Delete unused",
        "Words that no item uses are deleted.",
        CurationForm,
        _delete_effect,
        _delete,
        deletes=True,
    ),
}
