"""Synonyms: names that stand for words, after a merge or because a curator says so.

Writes and filters that name a synonym mean its word. Synonyms of a tenant change under its removal guard, and writes
look them up under the reference guard. A filter knows a tenant's first synonym at the latest FRESH seconds after.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from folksonomy.models import MetadataName, Synonym, Tag
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rows.prepared import Prepared
from tenants.rows.texts import refuse, shown, unfit_name

Term = Tag | MetadataName
MOST = 100  # synonyms of a word
FRESH = 2.0  # seconds that a process remembers that a tenant has no synonyms
MOST_TENANTS = 10_000  # remembered so
CHANGE = "put_request_error"
_without: dict[str, float] = {}  # tenants that had no synonyms, and until when this is remembered


def _known(model: type[Term]) -> Prepared[Any]:
    return Prepared(lambda tenant, names: model.objects.of(tenant).filter(name__in=names).values_list("name"))


KNOWN = {model: _known(model) for model in (Tag, MetadataName)}
WORDS: Prepared[Any] = Prepared(
    lambda tenant, kind, names: Synonym.objects.of(tenant).filter(kind=kind, name__in=names).values_list("name", "word")
)
ANY: Prepared[Any] = Prepared(lambda tenant: Synonym.objects.of(tenant).values_list("pk")[:1])


@dataclass(frozen=True)
class Found:
    """What some names mean in a tenant: which are words, and which word each synonym stands for."""

    known: frozenset[str] = frozenset()
    words: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, name: str) -> str:
        """Return the word that a name stands for: itself, unless it is a synonym."""
        return self.words.get(name, name)


def look_up(model: type[Term], tenant_id: str, names: Iterable[str]) -> Found:
    """Return what the names mean: one query, and one for those that are no words."""
    asked = sorted(set(names))
    known = frozenset(name for (name,) in KNOWN[model].rows(tenant_id, asked))
    unknown = [name for name in asked if name not in known]
    return Found(known, {row[0]: row[1] for row in WORDS.rows(tenant_id, model.kind, unknown)})


def current_words(*, tenant_id: str, names: Mapping[str, Sequence[str]]) -> Mapping[tuple[str, str], str]:
    """Return the words that names in a filter stand for, by kind and name; `names` maps kinds to names.

    Without synonyms in the tenant it sends no query, except one in FRESH seconds.
    """
    if not tenant_id or _without.get(tenant_id, 0.0) > time.monotonic():
        return {}
    if not ANY.rows(tenant_id):
        if len(_without) >= MOST_TENANTS:
            _without.clear()
        _without[tenant_id] = time.monotonic() + FRESH
        return {}
    return {(kind, name): word for kind, some in names.items() for name, word in WORDS.rows(tenant_id, kind, some)}


def synonyms_of(terms: Sequence[Term]) -> dict[str, list[str]]:
    """Return the synonyms of each word by its key; `terms` are all tags or all metadata names."""
    if not terms:
        return {}
    words = {(term.tenant_id, term.name): term.pk for term in terms}
    tenants, names = ({key[place] for key in words} for place in (0, 1))
    rows = Synonym.objects.filter(tenant_id__in=tenants, kind=terms[0].kind, word__in=names).order_by("name")
    found: dict[str, list[str]] = {term.pk: [] for term in terms}
    for tenant_id, word, name in rows.values_list("tenant_id", "word", "name"):
        if key := words.get((tenant_id, word)):
            found[key].append(name)
    return found


def term_documents(terms: Sequence[Term], with_synonyms: bool = True) -> list[dict[str, Any]]:
    """Return the JSON documents of all tags or all metadata names."""
    usernames = User.objects.usernames({term.owner_id for term in terms if term.owner_id})
    synonyms = synonyms_of(terms) if with_synonyms else {}
    return [term.to_api(usernames, synonyms.get(term.pk, ())) for term in terms]


def replace_synonyms(term: Term, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Replace the synonyms of a word, in the caller's removal guard; return those before and now.

    Raises Refused (`put_request_error`) for an invalid name, a word, a synonym of another word and too many names.
    """
    refuse(names, unfit_name, CHANGE)
    wanted = sorted(set(names))
    if len(wanted) > MOST:
        raise Refused(CHANGE, f"A word has at most {MOST} synonyms")
    found = look_up(type(term), term.tenant_id, wanted)
    for name in wanted:
        if name in found.known:
            raise Refused(CHANGE, f"{shown(name)} is a word itself; merge it instead")
        if found(name) not in (name, term.name):
            raise Refused(CHANGE, f"{shown(name)} is a synonym of {shown(found(name))}")
    before = synonyms_of([term])[term.pk]
    of_kind(term).filter(name__in=set(before) - set(wanted)).delete()
    common = {"tenant_id": term.tenant_id, "kind": term.kind, "word": term.name}
    Synonym.objects.bulk_create([Synonym(name=name, **common) for name in wanted if name not in before])
    _without.pop(term.tenant_id, None)
    return before, wanted


def of_kind(term: Term) -> Any:
    """Return the synonyms of all words of the term's kind and tenant."""
    return Synonym.objects.of(term.tenant_id).filter(kind=term.kind)


def redirect(term: Term, word: str) -> None:
    """Let a deleted word and its synonyms stand for `word`, in the caller's removal guard."""
    of_kind(term).filter(word=term.name).update(word=word)
    Synonym(tenant_id=term.tenant_id, kind=term.kind, name=term.name, word=word).save(force_insert=True)
    _without.pop(term.tenant_id, None)


def refuse_synonym(model: type[Term], tenant_id: str, name: str, error: str, other_than: str = "") -> None:
    """Raise Refused with that error if the name is a synonym of any word but `other_than`."""
    for _, word in WORDS.rows(tenant_id, model.kind, [name]):
        if word != other_than:
            raise Refused(error, f"{shown(name)} is a synonym of {shown(word)}; remove it there first")
