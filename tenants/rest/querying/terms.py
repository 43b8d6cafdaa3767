"""The search box: terms such as `accuracy>0.9 tag:nlp -status:test churn` as conditions of the filter language.

A term is `field operator value`, or a word that a name contains or a tag is. `-` negates it. `"` surrounds names and
values with spaces, and keeps a value a text. Commas separate alternatives. Names that a list does not declare are names
of metadata. What is no term is a word, so that no text is an error of syntax.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tenants.exceptions import Refused
from tenants.rest.querying.fields import Field, FieldTable, query_error
from tenants.rest.querying.operands import read_json, target_of

LONGEST = 2000  # characters
QUOTED, BARE = r'"[^"]*+"', r'[^\s"<>=!~:≤≥≠]++'
TERM = re.compile(
    rf"(?P<minus>-)?(?:(?P<field>{QUOTED}|{BARE})\s*+(?P<operator>>=|<=|!=|[:=<>~≤≥≠])\s*+"
    rf"(?P<value>(?:{QUOTED}|[^\s\"]++)++)|(?P<word>{QUOTED}|\S++))"
)
VALUE = re.compile(rf"(?:{QUOTED}|[^,\"]++)++")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
SPECIAL = re.compile(r"[.*+?^${}()|[\]\\]")
ORDERS = {">": "$gt", "<": "$lt", ">=": "$gte", "≥": "$gte", "<=": "$lte", "≤": "$lte"}
UNEQUAL, SIGNS = (
    ("!=", "≠"),
    {">=": "≥", "<=": "≤", "!=": "is not", "≠": "is not", "~": "contains", ":": "is", "=": "is"},
)
SHORT = {
    "tag": "tags",
    "dataset": "datasets",
    "shared": "users",
    "alias": "aliases.name",
    "created": "timestamp",
    "changed": "lastmod",
}
VERBS = {"shared": "with", "alias": "", "has": ""}  # used between a name and its value instead of `is`
NAMES = ("name", "username", "original", "path", "url", "_id")  # the first that a list declares is searched for words
USERS = ("owner", "users", "user", "actor", "author")  # `me` is the caller
LITERALS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a search: its place in the text, its condition, and how it reads."""

    start: int
    end: int
    condition: Mapping[str, Any]
    label: str


def terms_of(text: str, fields: FieldTable, me: str = "") -> Sequence[Term]:
    """Return the terms of a search over a list's fields; `me` is the id of the caller.

    Raises Refused for a text that is too long, and for a value that a field is not compared with.
    """
    if len(text) > LONGEST:
        raise query_error(f"q has at most {LONGEST} characters")
    return [_term(match, fields, me) for match in TERM.finditer(text)]


def knows(fields: FieldTable, name: str) -> bool:
    """Tell whether a list can be searched by what the search box calls so; names of metadata do not count."""
    return "metadata" in fields if name == "has" else _field(SHORT.get(name, name), fields) is not None


def condition_of(terms: Sequence[Term]) -> dict[str, Any]:
    """Return the condition of all terms as a filter."""
    return {"$and": [term.condition for term in terms]} if terms else {}


def term_text(field: str, operator: str, value: str) -> str:
    """Return the text of a term, with quotes where they are needed."""
    return f"{_quoted(field)}{operator}{_quoted(value)}"


def _quoted(text: str) -> str:
    plain = text.replace('"', "")
    return plain if plain and re.fullmatch(BARE, plain) and "," not in plain and plain[0] != "-" else f'"{plain}"'


def _term(match: re.Match[str], fields: FieldTable, me: str) -> Term:
    condition = _compared(match, fields, me) if match["field"] else None
    if condition is None:
        label = match["word"] or match[0].removeprefix(match["minus"] or "")
        condition = _about_word(label.strip('"'), fields)
    else:
        label = _label(match)
    if match["minus"]:
        condition, label = {"$nor": [condition]}, f"not {label}"
    return Term(match.start(), match.end(), condition, label)


def _label(match: re.Match[str]) -> str:
    name, operator = match["field"].strip('"'), match["operator"]
    verb = "contains" if operator == ":" and name in NAMES else SIGNS.get(operator, operator)
    verb = VERBS.get(name, verb) if verb == "is" else verb
    return " ".join(part for part in (name, verb, match["value"]) if part)


def _about_word(word: str, fields: FieldTable) -> dict[str, Any]:
    """Return the condition that the name contains a word, or that a tag equals it."""
    texts = (name for name, field in fields.items() if field.kind == "text")
    name = next((name for name in NAMES if name in fields), next(texts, "_id"))
    containing, tags = {name: _containing(word)}, fields.get("tags")
    return {"$or": [containing, {"tags": word}]} if tags and tags.kind == "texts" else containing


def _containing(text: str) -> dict[str, str]:
    return {"$regex": SPECIAL.sub(r"\\\g<0>", text), "$options": "i"}


def _compared(match: re.Match[str], fields: FieldTable, me: str) -> dict[str, Any] | None:
    """Return the condition of a field, or None if the list has no such field."""
    given, operator = match["field"].strip('"'), match["operator"]
    texts = VALUE.findall(match["value"])
    if given == "has" and "metadata" in fields:
        return {"$and": [{f"metadata.{text.strip(chr(34))}": {"$exists": True}} for text in texts]} if texts else None
    name = SHORT.get(given, given)
    field = _field(name, fields)
    if field is None and "metadata" in fields:
        name = f"metadata.{given}"
        field = _field(name, fields)
    if field is None or not texts:
        return None
    if operator == "~" or (operator == ":" and name in NAMES and field.kind == "text"):
        return {"$or": [{name: _containing(text.strip('"'))} for text in texts]}
    values = [_value(name, field, text, me) for text in texts]
    if operator in ORDERS:
        return {name: {ORDERS[operator]: values[0]}}
    same = [choice for value, text in zip(values, texts, strict=True) for choice in _alike(field, value, text)]
    if len(same) == 1:
        return {name: {"$ne": same[0]} if operator in UNEQUAL else same[0]}
    return {name: {"$nin" if operator in UNEQUAL else "$in": same}}


def _field(name: str, fields: FieldTable) -> Field | None:
    try:
        return target_of(name, fields).field
    except Refused:
        return None


def _value(name: str, field: Field, text: str, me: str) -> Any:
    """Return the value that a text names for a field. Raises Refused for a text that is none of its kind."""
    if text.startswith('"'):
        return text.strip('"')
    if text == "me" and name in USERS:
        return me or text
    if field.kind in ("any", "number") and NUMBER.fullmatch(text):
        return read_json(text, "q")
    if field.kind in ("any", "flag") and text in LITERALS:
        return LITERALS[text]
    if field.kind in ("number", "flag"):
        raise query_error(f"q: {name} is not compared with {text[:100]}")
    return text


def _alike(field: Field, value: Any, text: str) -> Sequence[Any]:
    """Return the values that equal a text: a number can be stored as a text too."""
    return [value, text] if field.kind == "any" and not isinstance(value, str) else [value]
