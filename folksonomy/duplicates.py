"""Finds words that probably mean the same: by case, separators, plural, spelling and known synonyms.

Words are compared by their normal form, and by what is left of it without one letter, so the time grows with the number
of words and not with its square: 10,000 words take half a second.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import combinations, islice, product

from rapidfuzz.distance import OSA

MOST_COMPARED = 100_000  # pairs of words whose spelling is compared
SHORTEST_PLURAL, SHORTEST = 4, 5  # letters of the shortest word whose plural, or spelling, is compared
LONGEST = 32  # characters of the longest word whose spelling is compared
LONG = 10  # letters of a word in which two letters may be wrong; one in shorter words
# Similar spelling, different meaning.
OPPOSITES = (("micro", "macro"), ("minim", "maxim"), ("encod", "decod"), ("inter", "intra"), ("mean", "median"))
SEPARATED = r"[-_ ./:]"
SEPARATORS = re.compile(rf"(?<![\d\-_ ./:]){SEPARATED}++|{SEPARATED}++(?!\d)")  # not between digits: 1.5 is not 15
PARTS, DIGITS = re.compile(rf"{SEPARATED}+"), re.compile(r"\d+")
HISSING = ("s", "x", "z", "ch", "sh")  # the plural adds `es`

Names = Sequence[str]


@dataclass(frozen=True)
class Word:
    """A word with its known synonyms; `preferred` ones come before others with as many uses."""

    name: str
    synonyms: Sequence[str] = ()
    preferred: bool = False


@dataclass(frozen=True)
class Cluster:
    """Words that probably mean the same, the most used first, each with how it differs from the first."""

    words: Names
    reasons: Sequence[str]
    uses: Sequence[int]


Uses = Callable[[Collection[str]], Mapping[str, int]]  # of words
Apart = Set[frozenset[str]]  # pairs of words


def find_duplicates(words: Sequence[Word], uses: Uses, apart: Apart = frozenset()) -> tuple[Sequence[Cluster], bool]:
    """Return the clusters, the most used first, and whether all spellings were compared.

    `uses` returns the number of uses of the words in clusters. No cluster has two words of a pair in `apart`.
    """
    known = {word.name: word for word in words}
    groups = _split(_same_words(words), apart)
    near, complete = _similar_groups(groups, apart)
    counts = uses([name for key, names in groups.items() if len(names) > 1 or key in near for name in names])

    def order(name: str) -> tuple[int, bool, str]:
        return -counts[name], not known[name].preferred, name

    clusters = []
    for names in _stars(groups, near, counts, apart):
        ordered = sorted(names, key=order)
        head = known[ordered[0]]
        reasons = ["", *(_reason(known[name], head) for name in ordered[1:])]
        clusters.append(Cluster(ordered, reasons, [counts[name] for name in ordered]))
    return sorted(clusters, key=lambda cluster: (-sum(cluster.uses), cluster.words[0])), complete


def normal_form(text: str) -> str:
    """Return the text without case and separators: `Computer-Vision` becomes `computervision`."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return SEPARATORS.sub("", folded) or folded


def _same_words(words: Sequence[Word]) -> dict[str, list[str]]:
    """Return the names that have one normal form, apart from plurals and synonyms, by one of these forms."""
    parents = {form: form for word in words for form in (normal_form(word.name), *map(normal_form, word.synonyms))}

    def root(form: str) -> str:
        while parents[form] != form:
            parents[form] = form = parents[parents[form]]
        return form

    for word in words:
        for synonym in word.synonyms:
            parents[root(normal_form(synonym))] = root(normal_form(word.name))
    for form in list(parents):
        for plural in _plurals(form):
            if plural in parents:
                parents[root(plural)] = root(form)
    groups: dict[str, list[str]] = defaultdict(list)
    for word in words:
        groups[root(normal_form(word.name))].append(word.name)
    return groups


def _split(groups: Mapping[str, Names], apart: Apart) -> dict[str, Names]:
    """Return the groups, those with words apart as several ones, each without such a pair."""
    if not apart:
        return {**groups}
    split: dict[str, Names] = {}
    for key, names in groups.items():
        parts: list[list[str]] = []
        for name in names:
            part = next((part for part in parts if not _are_apart([name], part, apart)), None)
            if part is None:
                parts.append(part := [])
            part.append(name)
        split |= {
            f"{key}\n{place}" if place else key: part for place, part in enumerate(parts)
        }  # no name has a line feed
    return split


def _are_apart(names: Names, others: Names, apart: Apart) -> bool:
    """Return whether one of the names is apart from one of the others."""
    return bool(apart) and any(frozenset((name, other)) in apart for name in names for other in others)


def _plurals(form: str) -> Iterator[str]:
    if len(form) < SHORTEST_PLURAL or not form[-1].isalpha():
        return
    yield f"{form}es" if form.endswith(HISSING) else f"{form}s"
    if form.endswith("y"):
        yield f"{form[:-1]}ies"


# --- Spelling -------------------------------------------------------------------------------------------------------
def _similar_groups(groups: Mapping[str, Names], apart: Apart) -> tuple[dict[str, set[str]], bool]:
    """Return the groups that have a word of similar spelling, by group, and whether all were compared."""
    near: dict[str, set[str]] = defaultdict(set)
    names: dict[str, dict[str, str]] = defaultdict(dict)  # by form and group, of which words apart make several
    for key, found in groups.items():
        for name in found:
            names[normal_form(name)][key] = name
    pairs = _candidates(form for form in names if _letters(form) >= SHORTEST and len(form) <= LONGEST)
    for form, other in islice(pairs, MOST_COMPARED):
        for (key, name), (its_key, its_name) in product(names[form].items(), names[other].items()):
            if key == its_key or its_key in near.get(key, ()) or _are_apart(groups[key], groups[its_key], apart):
                continue
            if _alike(form, other) and not _apart(name, its_name):
                near[key].add(its_key)
                near[its_key].add(key)
    return near, next(pairs, None) is None


def _candidates(forms: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs that are equal without one letter of each, or of one. Digits stay: `resnet18` is not `resnet34`."""
    found: dict[str, list[str]] = defaultdict(list)
    for form in forms:
        shorter = {form[:place] + form[place + 1 :] for place, letter in enumerate(form) if not letter.isdigit()}
        for variant in (form, *shorter):
            found[variant].append(form)
    for alike in found.values():
        yield from combinations(alike, 2)


def _letters(form: str) -> int:
    return len(DIGITS.sub("", form))


def _alike(form: str, other: str) -> bool:
    """Tell whether few letters are wrong, and the words are no opposites."""
    wrong = 2 if min(_letters(form), _letters(other)) >= LONG else 1
    if OSA.distance(form, other, score_cutoff=wrong) > wrong:
        return False
    return not any(form.replace(a, b) == other.replace(a, b) for a, b in OPPOSITES)


def _apart(name: str, other: str) -> bool:
    """Tell whether a short part differs, and so on purpose: `accuracy_min` is not `accuracy_max`."""
    parts, others = ([part for part in PARTS.split(each.casefold()) if part] for each in (name, other))
    if len(parts) != len(others):
        return False
    return any(min(map(_letters, pair)) < SHORTEST for pair in zip(parts, others, strict=True) if pair[0] != pair[1])


# --- Clusters -------------------------------------------------------------------------------------------------------
def _stars(
    groups: Mapping[str, Names], near: Mapping[str, set[str]], counts: Mapping[str, int], apart: Apart
) -> Iterator[Names]:
    """Yield clusters: each group, the most used first, with the free groups next to it, so that none forms a chain."""
    uses = {key: sum(counts.get(name, 0) for name in names) for key, names in groups.items()}
    free = set(groups)
    for key in sorted(groups, key=lambda key: (-uses[key], key)):
        if key in free:
            names, joined = [*groups[key]], [key]
            for other in sorted(near.get(key, set()) & free):
                if not _are_apart(names, groups[other], apart):
                    names += groups[other]
                    joined.append(other)
            free.difference_update(joined)
            if len(names) > 1:
                yield names


def _reason(word: Word, head: Word) -> str:
    """Return how a word differs from the first of its cluster."""
    one, other = normal_form(word.name), normal_form(head.name)
    if word.name.casefold() == head.name.casefold():
        return "case"
    if one == other:
        return "separators"
    if one in _plurals(other) or other in _plurals(one):
        return "plural"
    names = ({word.name, *word.synonyms}, {head.name, *head.synonyms})
    forms, others = ({form for name in each for form in _with_plural(normal_form(name))} for each in names)
    return "synonym" if forms & others else "spelling"


def _with_plural(form: str) -> Iterator[str]:
    yield form
    yield from _plurals(form)
