"""A table of the actions that a curator applies to several words at once: form, preview and execution."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from catalog import curation
from catalog.admin.word_forms import CurationForm, DirectionForm, MergeForm, RenameForm
from folksonomy.models import MetadataName, Tag
from folksonomy.services import set_direction
from tenants.models import User

Data = dict[str, Any]  # the form's cleaned data


@dataclass(frozen=True)
class Curation:
    """An action on words.

    `effect` describes what would happen to a word, given the form's data and the number of items that use the word.
    `apply` executes the action and returns the changed word and a log message, or None if there was nothing to do.
    The action is for words of the class `only`, if it is set.
    """

    label: str
    explanation: str
    form: type[CurationForm]
    effect: Callable[[Any, Data, int], str]
    apply: Callable[[Any, Data, User], tuple[Any, str] | None]
    deletes: bool = False
    only: type[Tag | MetadataName] | None = None

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
    both = curation.count_with_both(term=term, name=name)
    kept = "keep one" if isinstance(term, Tag) else f"keep the value of “{name}”"
    return f"Becomes “{name}” in {_items(uses)}" + (f"; {both} of them have both and {kept}" if both else "")


def _merge(term: Any, data: Data, by: User) -> tuple[Any, str] | None:
    into, name = data["into"], term.name
    if term.pk == into.pk:
        return None
    merge = curation.merge_term(term=term, into=into, by=by, values_lost=data["losses"].get(term.pk, 0))
    return into, f"Merged “{name}” into it, in {_items(merge.items)}"


def _rename(term: Any, data: Data, by: User) -> tuple[Any, str]:
    name = term.name
    lost = data["losses"].get(term.pk, 0)
    renamed, merge = curation.rename_term(term=term, name=data["name"], by=by, values_lost=lost)
    return renamed, f"Renamed from “{name}”, in {_items(merge.items)}"


def _use(usage: str) -> tuple[Callable[[Any, Data, int], str], Callable[[Any, Data, User], tuple[Any, str] | None]]:
    """Return `effect` and `apply` of the action that sets the usage of words."""

    def effect(term: Any, data: Data, uses: int) -> str:
        return f"Is {usage} already" if term.usage == usage else f"Becomes {usage}"

    def apply(term: Any, data: Data, by: User) -> tuple[Any, str] | None:
        if term.usage == usage:
            return None
        curation.set_usage(term=term, usage=usage, by=by)
        return term, f"Made {usage}"

    return effect, apply


def _direction_effect(term: Any, data: Data, uses: int) -> str:
    better = data["better"] or None
    return "Stays" if term.better == better else f"From {term.better or 'unknown'} to {better or 'unknown'}"


def _direct(term: Any, data: Data, by: User) -> tuple[Any, str] | None:
    better = data["better"] or None
    if term.better == better:
        return None
    set_direction(term=term, better=better, by=by)
    return term, f"Better values are {better or 'unknown'}"


def _delete_effect(term: Any, data: Data, uses: int) -> str:
    return f"Stays, because {_items(uses)} use it" if uses else "Is deleted"


def _delete(term: Any, data: Data, by: User) -> tuple[Any, str] | None:
    return (term, "Deleted") if curation.delete_if_unused(term=term, by=by) else None


CURATIONS = {
    "promote": Curation(
        "Make default (suggested to people)",
        "Default words are suggested to users who describe a model or a dataset. Items do not change.",
        CurationForm,
        *_use("default"),
    ),
    "demote": Curation(
        "Make folk (no longer suggested)",
        "Folk words are in use but are not suggested. Items do not change.",
        CurationForm,
        *_use("folk"),
    ),
    "merge": Curation(
        "Merge into another…",
        "In every item, these words are replaced by the other word. Then these words are deleted.",
        MergeForm,
        _merge_effect,
        _merge,
    ),
    "rename": Curation(
        "Rename…",
        "The word is replaced in every item. If the new word exists, the two words are merged.",
        RenameForm,
        _rename_effect,
        _rename,
    ),
    "direct": Curation(
        "Set which values are better…",
        "Comparisons mark the best value of these metadata names. Items do not change.",
        DirectionForm,
        _direction_effect,
        _direct,
        only=MetadataName,
    ),
    "delete_unused": Curation(
        "Delete unused",
        "Deletes the words that no item uses.",
        CurationForm,
        _delete_effect,
        _delete,
        deletes=True,
    ),
}
