"""MLflow's filter strings, such as `name LIKE 'churn%' AND tags.team = 'a'`, in our filter language."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from catalog.drafts import typed
from registry_site.dialects.mlflow.documents import moment
from registry_site.dialects.mlflow.errors import MLflowError
from tenants.rest.querying import patterns
from tenants.rows.texts import shown

LONGEST, MOST = 10_000, 50  # characters and conditions of a filter
TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*'|"[^"]*")|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])
    |(?P<name>(?:`[^`]+`|[\w-]+)(?:\.(?:`[^`]+`|"[^"]+"|[\w./-]*[\w/-]))?)|(?P<sign><=|>=|!=|=|<|>|\(|\)|,))""",
    re.VERBOSE,
)
ENTITIES = {
    "attribute": "", "attributes": "", "attr": "", "run": "", "tag": "tags", "tags": "tags", "param": "params",
    "params": "params", "parameter": "params", "parameters": "params", "metric": "metrics", "metrics": "metrics",
    "dataset": "datasets", "datasets": "datasets",
}  # fmt: skip
SIGNS = {"=": "$eq", "!=": "$ne", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}
TEXT_OPERATORS = ("=", "!=", "LIKE", "ILIKE")
LISTED = ("IN", "NOT IN")
NULLS = ("IS NULL", "IS NOT NULL")  # the whole condition of a tag or a param
PROMPT = "mlflow.prompt.is_prompt"  # nothing here is a prompt
NOTHING: dict[str, Any] = {"$nor": [{}]}  # the filter that no row satisfies
DATASET = ("name", "digest", "context")  # what a data set is found by


@dataclass(frozen=True)
class Condition:
    """A condition: `entity` is empty for an attribute, or `tags`, `params`, `metrics` or `datasets`."""

    entity: str
    key: str
    operator: str
    value: Any


def conditions_of(text: str) -> list[Condition]:
    """Return the conditions, which all must be true. Raises MLflowError for anything else."""
    if len(text) > LONGEST:
        raise MLflowError(f"A filter has at most {LONGEST} characters")
    tokens = _tokens(text)
    found: list[Condition] = []
    while tokens:
        if found and tokens.pop(0) != ("name", "and"):
            raise _invalid(text)
        found.append(_condition(tokens, text))
        if len(found) > MOST:
            raise MLflowError(f"A filter has at most {MOST} conditions")
    return found


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at, text = [], 0, text.strip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise _invalid(text)
        kind, value = str(match.lastgroup), match[str(match.lastgroup)]
        tokens.append((kind, "and" if kind == "name" and value.upper() == "AND" else value))
        at = match.end()
    return tokens


def _condition(tokens: list[tuple[str, str]], text: str) -> Condition:
    try:
        kind, name = tokens.pop(0)
        operator = tokens.pop(0)[1].upper()
        while operator in ("NOT", "IS", "IS NOT"):
            operator = f"{operator} {tokens.pop(0)[1].upper()}"
        value = _values(tokens, text) if operator in LISTED else None
        if operator not in (*LISTED, *NULLS):
            value = _value(tokens.pop(0), text)
    except IndexError:
        raise _invalid(text) from None
    if kind != "name" or operator not in (*SIGNS, *TEXT_OPERATORS, *LISTED, *NULLS):
        raise _invalid(text)
    first, dot, rest = name.partition(".")
    if dot and first not in ENTITIES:
        raise MLflowError(f"Invalid entity type '{shown(first)}'. Valid entity types are {tuple(ENTITIES)}")
    entity, key = (ENTITIES[first], rest) if dot else ("", first)
    return Condition(entity, key.strip('`"'), operator, value)


def _values(tokens: list[tuple[str, str]], text: str) -> list[Any]:
    found, separator = [], tokens.pop(0)
    while separator in (("sign", "("), ("sign", ",")):
        found.append(_value(tokens.pop(0), text))
        separator = tokens.pop(0)
    if separator != ("sign", ")") or not found or len(found) > 1000:
        raise _invalid(text)
    return found


def _value(token: tuple[str, str], text: str) -> Any:
    kind, value = token
    if kind == "text":
        return value[1:-1].replace("''", "'") if value[0] == "'" else value[1:-1]
    if kind != "number":
        raise _invalid(text)
    number = float(value)
    if math.isinf(number):
        raise _invalid(text)
    return number if any(each in value for each in ".eE") or abs(number) >= 2**63 else int(value)


def _invalid(text: str) -> MLflowError:
    return MLflowError(f"Invalid clause(s) in filter string: '{shown(text)}'")


# --- In our filter language -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grammar:
    """What can be filtered: texts, numbers and times by their names here, and the list of each kind of pair.

    `constants` are texts that are the same in all rows; the `listable` attributes can be compared with a list.
    """

    texts: Mapping[str, str]
    numbers: Mapping[str, str]
    lists: Mapping[str, str]
    pairs: Mapping[str, str] = field(default_factory=dict)
    times: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    listable: Sequence[str] = ()

    def filter_of(self, conditions: Sequence[Condition]) -> dict[str, Any]:
        """Return the filter as our lists take it."""
        parts = [self._part(each) for each in conditions]
        return {"$and": parts} if parts else {}

    def _part(self, condition: Condition) -> dict[str, Any]:
        key, value = condition.key, condition.value
        if (
            condition.operator in LISTED
            and condition.entity != "datasets"
            and (condition.entity or key not in self.listable)
        ):
            raise MLflowError(f"Only {[*self.listable]} and data sets are compared with a list of quoted string values")
        if condition.entity:
            if condition.entity not in self.lists:
                raise MLflowError(f"Invalid entity type '{condition.entity}'")
            of_list = _of_dataset if condition.entity == "datasets" else _of_pair
            return of_list(self.lists[condition.entity], condition)
        if key in self.pairs:
            inner = _comparison(condition)
            return {"metadata": {"$elemMatch": {"name": self.pairs[key], "value": inner}}}
        if key in self.texts:
            return {self.texts[key]: _comparison(condition)}
        if key in self.numbers or key in self.times:
            if condition.operator not in SIGNS or not isinstance(value, int | float):
                raise MLflowError(f"Invalid comparator '{condition.operator}' or value for attribute '{key}'")
            if key in self.times:
                return _of_time(self.times[key], condition.operator, value)
            return {self.numbers[key]: {SIGNS[condition.operator]: value}}
        if key in self.constants:
            return {} if _holds(condition, self.constants[key]) else NOTHING
        valid = [*self.texts, *self.constants, *self.pairs, *self.numbers, *self.times]
        raise MLflowError(f"Invalid attribute key '{shown(key)}' specified. Valid keys are '{valid}'")


def _comparison(condition: Condition) -> dict[str, Any]:
    """Return the comparison of a text."""
    operator, value = condition.operator, condition.value
    if operator in LISTED:
        if not all(isinstance(each, str) for each in value):
            raise MLflowError(f"Expected a list of quoted string values for '{condition.key}'")
        return {"$in" if operator == "IN" else "$nin": value}
    if operator not in TEXT_OPERATORS or not isinstance(value, str):
        message = f"Expected a quoted string value and one of {TEXT_OPERATORS} for '{shown(condition.key)}'"
        raise MLflowError(message)
    if operator in ("LIKE", "ILIKE"):
        return {"$regex": like(value), "$options": "i" if operator == "ILIKE" else ""}
    return {SIGNS[operator]: value}


def _holds(condition: Condition, text: str) -> bool:
    """Return whether the comparison is true for the text."""
    (operator, value), *_ = (comparison := _comparison(condition)).items()
    if operator == "$regex":  # by RE2, in linear time
        try:
            pattern = patterns.checked(value, comparison["$options"])
        except patterns.BadPattern as error:
            raise MLflowError(f"Invalid LIKE: {error}") from None
        return patterns.search(pattern.text, pattern.insensitive, text)
    return bool((text in value if operator in ("$in", "$nin") else text == value) == (operator in ("$eq", "$in")))


def _of_dataset(name: str, condition: Condition) -> dict[str, Any]:
    """Return the comparison with any data set of a run; a run without one does not match."""
    if condition.key not in DATASET:
        raise MLflowError(f"Invalid dataset key '{shown(condition.key)}' specified. Valid keys are {DATASET}")
    return {name: {"$elemMatch": {"name": f"dataset.{condition.key}", "value": _comparison(condition)}}}


def _of_time(name: str, operator: str, value: int | float) -> dict[str, Any]:
    """Return the comparison of a time with milliseconds since 1970. Times here have microseconds."""
    start, following = moment(value), moment(value + 1).isoformat()
    within = {"$gte": start.isoformat(), "$lt": following}
    if operator in ("=", "!="):
        return {name: within if operator == "=" else {"$not": within, "$exists": True}}
    after = operator in ("<=", ">")
    return {name: {"$lt" if operator in ("<", "<=") else "$gte": following if after else start.isoformat()}}


def _of_pair(name: str, condition: Condition) -> dict[str, Any]:
    """Return the comparison with the value of a pair; a row without the pair does not match."""
    if name == "metrics":
        if condition.operator not in SIGNS or not isinstance(condition.value, int | float):
            raise MLflowError(f"Invalid comparator or value for metric '{shown(condition.key)}'")
        inner: Any = {SIGNS[condition.operator]: condition.value}
        return {name: {"$elemMatch": {"name": condition.key, "value": inner}}}
    if condition.operator in NULLS:
        there = {name: {"$elemMatch": {"name": condition.key}}}
        return there if condition.operator == "IS NOT NULL" else {"$nor": [there]}
    if condition.key == PROMPT:
        is_true = (condition.operator, condition.value) in (("!=", "true"), ("=", "false"))
        return {} if is_true else NOTHING
    inner = _comparison(condition)
    if condition.operator in ("=", "!="):  # a number is stored as a number
        both = list({str(condition.value): 0, typed(condition.value): 0})
        inner = {"$in" if condition.operator == "=" else "$nin": both}
    return {name: {"$elemMatch": {"name": condition.key, "value": inner}}}


def like(pattern: str) -> str:
    """Return the regular expression of a LIKE pattern: `%` is any text, `_` one character."""
    parts = {"%": ".*", "_": "."}
    return "^" + "".join(parts.get(each) or re.escape(each) for each in pattern) + "$"
