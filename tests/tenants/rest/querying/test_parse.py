"""What filters mean, and which filters are errors that name the problem."""

import json
from datetime import UTC, datetime
from typing import Any as Anything

import pytest

from tenants.exceptions import Refused
from tenants.rest.querying.fields import Field, field_table
from tenants.rest.querying.parse import parse
from tenants.rest.querying.patterns import Pattern
from tenants.rest.querying.tree import ALWAYS, NEVER, All, Any, Compare, Node, Not, Size, Some, Whole
from tests.tenants.rest.querying.items import FIELDS

NAME, OWNER, STATUS, TIME = (FIELDS[name] for name in ("name", "owner", "status", "timestamp"))
TAGS, METADATA, VERSIONS = (FIELDS[name] for name in ("tags", "metadata", "versions"))
TAG = TAGS.members[0]
KEY, VALUE = METADATA.members
SIZE = next(member for member in VERSIONS.members if member.name == "versions.size")
ACCURACY = Field("metadata.acc", "any", "value", nullable=True)
NAMED = Compare(KEY, "eq", "acc")
A, B = Compare(NAME, "eq", "a"), Compare(NAME, "eq", "b")

GOOD: list[tuple[Anything, Node]] = [
    ({}, ALWAYS),
    ({"name": "a"}, A),
    ({"name": {"$eq": "a"}}, A),
    ({"name": {"$ne": "a"}}, Not(A)),
    ({"name": "a", "owner": "x"}, All((A, Compare(OWNER, "eq", "x")))),
    ([{"name": "a"}, {"name": "b"}], Any((A, B))),
    ({"$or": [{"name": "a"}, {"name": "b"}]}, Any((A, B))),
    ({"$and": [{"name": "a"}, {"name": "b"}]}, All((A, B))),
    ({"$nor": [{"name": "a"}, {"name": "b"}]}, Not(Any((A, B)))),
    ({"$not": {"name": "a"}}, Not(A)),
    ({"name": {"$not": {"$gte": "a"}}}, Not(Compare(NAME, "gte", "a"))),
    ({"name": {"$in": ["a", "b"]}}, Compare(NAME, "in", ("a", "b"))),
    ({"name": {"$nin": []}}, Not(Compare(NAME, "in", ()))),
    ({"name": {"$all": ["a"]}}, All((A,))),
    ({"name": {"$exists": True}}, ALWAYS),
    ({"name": {"$regex": "^a"}}, Compare(NAME, "regex", Pattern("^a"))),
    ({"name": {"$options": "i", "$regex": "a"}}, Compare(NAME, "regex", Pattern("a", insensitive=True))),
    ({"name": {"$regex": "(?i)a"}}, Compare(NAME, "regex", Pattern("a", insensitive=True))),
    ({"status": None}, Compare(STATUS, "null")),
    ({"status": {"$exists": True}}, Not(Compare(STATUS, "null"))),
    ({"status": {"$in": [None, "test"]}}, Any((Compare(STATUS, "null"), Compare(STATUS, "in", ("test",))))),
    ({"timestamp": "2024-01-02"}, Compare(TIME, "eq", datetime(2024, 1, 2, tzinfo=UTC))),
    ({"timestamp": {"$lt": "2024-01-02T01:00:00+01:00"}}, Compare(TIME, "lt", datetime(2024, 1, 2, tzinfo=UTC))),
    ({"tags": "a"}, Some(TAGS, Compare(TAG, "eq", "a"))),
    ({"tags": {"$ne": "a"}}, Not(Some(TAGS, Compare(TAG, "eq", "a")))),
    ({"tags": ["a", "b"]}, Whole(TAGS, ("a", "b"))),
    ({"tags": {"$size": 2}}, Size(TAGS, 2)),
    ({"tags": {"$all": []}}, NEVER),
    ({"tags": {"$exists": False}}, Not(ALWAYS)),
    (
        {"tags": {"$gt": "a", "$lt": "b"}},
        All((Some(TAGS, Compare(TAG, "gt", "a")), Some(TAGS, Compare(TAG, "lt", "b")))),
    ),
    (
        {"tags": {"$elemMatch": {"$gt": "a", "$lt": "b"}}},
        Some(TAGS, All((Compare(TAG, "gt", "a"), Compare(TAG, "lt", "b")))),
    ),
    ({"metadata.name": "acc"}, Some(METADATA, NAMED)),
    ({"metadata.value": 1}, Some(METADATA, Compare(VALUE, "eq", 1))),
    ({"metadata.acc": {"$gte": 0.9}}, Some(METADATA, All((NAMED, Compare(ACCURACY, "gte", 0.9))))),
    ({"metadata.acc": {"$exists": True}}, Some(METADATA, NAMED)),
    ({"metadata.acc": None}, Not(Some(METADATA, NAMED))),
    ({"metadata": {"$elemMatch": {"name": "acc"}}}, Some(METADATA, NAMED)),
    ({"metadata": {"name": "acc", "value": 1}}, Some(METADATA, All((NAMED, Compare(VALUE, "eq", 1))))),
    ({"versions.size": {"$gt": 1}}, Some(VERSIONS, Compare(SIZE, "gt", 1))),
    ({"versions": {"$elemMatch": {"size": 1}}}, Some(VERSIONS, Compare(SIZE, "eq", 1))),
]

BAD: list[tuple[str, str]] = [
    ('{"name"', "filter is not valid JSON"),
    ("'name'", "filter is not valid JSON"),
    ('"name"', "filter is not a JSON object"),
    ("null", "filter is not a JSON object"),
    ('{"name": "a", "name": "b"}', "name is given twice"),
    ("[" * 100_000, "filter is not valid JSON"),
    ('{"colour": 1}', "Unknown field colour"),
    ('{"tenant": "x"}', "Unknown field tenant"),
    ('{"owner_id": "x"}', "Unknown field owner_id"),
    ('{"owner__password": "x"}', "Unknown field owner__password"),
    ('{"owner.password": "x"}', "Unknown field owner.password"),
    ('{"versions.sha256": "x"}', "Unknown field versions.sha256"),
    ('{"versions": {"$elemMatch": {"tenant": "x"}}}', "Unknown field versions.tenant"),
    ('{"metadata": {"$elemMatch": {"colour": 1}}}', "Unknown field metadata.colour"),
    ('{"metadata.": 1}', "Unknown field metadata."),
    ('{"tags.0": "x"}', "Unknown field tags.0"),
    ('{"": 1}', "Unknown field"),
    ('{"$where": "sleep(1)"}', "$where"),
    ('{"$expr": {}}', "$expr"),
    ('{"$text": {"$search": "x"}}', "$text"),
    ('{"name": {"$function": {}}}', "$function"),
    ('{"name": {"$gt": "a", "size": 1}}', "size"),
    ('{"name": {"$near": 1}}', "$near"),
    ('{"name": 1}', "name is compared with a text, not 1"),
    ('{"name": true}', "name is compared with a text"),
    ('{"name": null}', "name is never null"),
    ('{"name": ["a"]}', "name is compared with a text"),
    ('{"name": {"a": 1}}', "name is compared with a text"),
    ('{"name": {"$in": "a"}}', "$in"),
    ('{"name": {"$in": [1]}}', "name is compared with a text"),
    ('{"name": {"$exists": "yes"}}', "$exists"),
    ('{"name": {"$size": 1}}', "$size is for lists"),
    ('{"name": {"$elemMatch": {"$eq": "a"}}}', "$elemMatch is for lists"),
    ('{"name": {"$not": "a"}}', "$not takes a JSON object"),
    ('{"name": {"$all": "a"}}', "$all takes a list"),
    ('{"name": "\\u0000"}', "null characters"),
    ('{"name": "\\ud800"}', "surrogates"),
    ('{"metadata.\\ud800": 1}', "surrogates"),
    ('{"tags": 1}', "tags is compared with a text"),
    ('{"tags": {"$size": -1}}', "$size takes a number"),
    ('{"tags": {"$size": true}}', "$size takes a number"),
    ('{"tags": {"$elemMatch": {"x": 1}}}', "Unknown operator x"),
    ('{"tags": {"$elemMatch": {}}}', "no operator"),
    ('{"metadata": "x"}', "metadata is compared with {name, value}"),
    ('{"metadata.acc": {}}', "metadata.acc is compared with"),
    ('{"metadata.acc": [1]}', "metadata.acc is compared with"),
    ('{"versions": "1"}', "versions can only be used with $elemMatch"),
    ('{"versions.size": "1"}', "versions.size is compared with a number"),
    ('{"versions.size": true}', "versions.size is compared with a number"),
    ('{"versions.size": {"$regex": "1"}}', "$regex is for strings"),
    ('{"timestamp": 5}', "timestamp is compared with a date"),
    ('{"timestamp": "yesterday"}', "timestamp is compared with a date"),
    ('{"timestamp": "0001-01-01T00:00:00+23:00"}', "timestamp is compared with a date"),
    ('{"metadata.acc": NaN}', "NaN"),
    ('{"metadata.acc": -Infinity}', "Infinity"),
    ('{"metadata.acc": 1e400}', "out of range"),
    ('{"metadata.acc": 9223372036854775808}', "64 bits"),
    ('{"metadata.acc": ' + "9" * 5000 + "}", "64 bits"),
    ('{"name": {"$regex": "("}}', "name: $regex ( is refused"),
    ('{"name": {"$regex": "(?=a)"}}', "(?=a)"),
    ('{"name": {"$regex": "' + "a" * 201 + '"}}', "at most 200"),
    ('{"name": {"$regex": "a", "$options": "s"}}', "the only option"),
    ('{"name": {"$options": "i"}}', "$options without $regex"),
    ('{"name": {"$regex": 1}}', "take a string"),
    ('{"$or": []}', "$or takes a list"),
    ('{"$and": {"name": "a"}}', "$and takes a list"),
    ('{"$or": ["a"]}', "$or takes a JSON object"),
    ("[]", "$or takes a list"),
    (json.dumps([{"name": "a"}] * 101), "more than 100 conditions"),
    (json.dumps([{}] * 101), "more than 100 conditions"),
    (json.dumps({"name": {"$in": ["a"] * 1001}}), "at most 1000"),
    (json.dumps({"$or": [{"name": {"$in": ["a"] * 501}}, {"status": {"$nin": ["a"] * 500}}]}), "at most 1000"),
    (json.dumps({"$or": [{"tags": ["a"] * 501}, {"tags": {"$in": ["a"] * 500}}]}), "at most 1000"),
    (json.dumps({"tags": ["a"] * 1001}), "at most 1000"),
]


@pytest.mark.parametrize(("value", "tree"), GOOD, ids=[json.dumps(value) for value, _ in GOOD])
def test_a_filter_means_its_tree(value: Anything, tree: Node) -> None:
    assert parse(json.dumps(value), FIELDS) == tree


@pytest.mark.parametrize(("text", "reason"), BAD, ids=[text[:60] for text, _ in BAD])
def test_an_invalid_filter_is_an_error_that_names_the_problem(text: str, reason: str) -> None:
    with pytest.raises(Refused) as error:
        parse(text, FIELDS)
    assert error.value.name == "get_request_error"
    assert reason in error.value.details


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_filter_counts_as_absent(text: str) -> None:
    assert parse(text, FIELDS) == ALWAYS


def nested(operator: str, levels: int) -> str:
    document: Anything = {"name": {"$gt": "a"}}
    for _ in range(levels):
        document = {operator: [document]}
    return json.dumps(document)


def test_a_filter_has_at_most_ten_levels() -> None:
    assert parse(nested("$and", 9), FIELDS)
    for deep in (
        nested("$and", 10),
        nested("$or", 300),
        json.dumps({"name": json.loads('{"$not":' * 11 + "{}" + "}" * 11)}),
    ):
        with pytest.raises(Refused, match="more than 10 levels"):
            parse(deep, FIELDS)
    every = json.loads('{"$all":[' * 300 + '"a"' + "]}" * 300)
    with pytest.raises(Refused, match="more than 10 levels"):
        parse(json.dumps({"tags": every}), FIELDS)


def test_a_hundred_conditions_are_allowed() -> None:
    assert parse(json.dumps([{"name": "a"}] * 100), FIELDS)


def test_an_invalid_field_declaration_is_an_error_of_the_view() -> None:
    with pytest.raises(ValueError, match="txt"):
        field_table({"name": "txt"})
