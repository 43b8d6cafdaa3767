"""The search box: which filter a text means, and that no text is more than a refused one."""

import json
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.query_fields import ITEM_FIELDS
from tenants.exceptions import Refused
from tenants.rest.querying.fields import field_table
from tenants.rest.querying.parse import parse
from tenants.rest.querying.terms import LONGEST, condition_of, term_text, terms_of

FIELDS = field_table(ITEM_FIELDS)
ME = "66a1f0c2b7d94e3f8a5c1d20"


def named(word: str) -> dict[str, Any]:
    return {"$or": [{"name": {"$regex": word, "$options": "i"}}, {"tags": word}]}


GOOD: list[tuple[str, list[Any], list[str]]] = [
    ("churn", [named("churn")], ["churn"]),
    ('"two words"', [named("two words")], ['"two words"']),
    ("-draft", [{"$nor": [named("draft")]}], ["not draft"]),
    ("accuracy>0.9", [{"metadata.accuracy": {"$gt": 0.9}}], ["accuracy > 0.9"]),
    ("accuracy >= 0.9", [{"metadata.accuracy": {"$gte": 0.9}}], ["accuracy ≥ 0.9"]),
    ("accuracy≤-1e3", [{"metadata.accuracy": {"$lte": -1000.0}}], ["accuracy ≤ -1e3"]),
    ("layers:6", [{"metadata.layers": {"$in": [6, "6"]}}], ["layers is 6"]),
    ('layers:"6"', [{"metadata.layers": "6"}], ['layers is "6"']),
    ("gpu:true", [{"metadata.gpu": {"$in": [True, "true"]}}], ["gpu is true"]),
    ("framework!=keras", [{"metadata.framework": {"$ne": "keras"}}], ["framework is not keras"]),
    (
        "framework~torch",
        [{"$or": [{"metadata.framework": {"$regex": "torch", "$options": "i"}}]}],
        ["framework contains torch"],
    ),
    ('"my name"=x', [{"metadata.my name": "x"}], ["my name is x"]),
    ("tag:nlp,vision", [{"tags": {"$in": ["nlp", "vision"]}}], ["tag is nlp,vision"]),
    ('tag:"a,b"', [{"tags": "a,b"}], ['tag is "a,b"']),
    ("-tag:nlp", [{"$nor": [{"tags": "nlp"}]}], ["not tag is nlp"]),
    ("owner:me", [{"owner": ME}], ["owner is me"]),
    ("owner:ada", [{"owner": "ada"}], ["owner is ada"]),
    ("shared:me", [{"users": ME}], ["shared with me"]),
    ("alias:production", [{"aliases.name": "production"}], ["alias production"]),
    (
        "status:test visibility:public",
        [{"status": "test"}, {"visibility": "public"}],
        ["status is test", "visibility is public"],
    ),
    ("created>2026-01-01", [{"timestamp": {"$gt": "2026-01-01"}}], ["created > 2026-01-01"]),
    ("has:accuracy", [{"$and": [{"metadata.accuracy": {"$exists": True}}]}], ["has accuracy"]),
    ("name:chu.n", [{"$or": [{"name": {"$regex": r"chu\.n", "$options": "i"}}]}], ["name contains chu.n"]),
    ("metadata.f1<1", [{"metadata.f1": {"$lt": 1}}], ["metadata.f1 < 1"]),
]


@pytest.mark.promise("lists.search")
@pytest.mark.parametrize(("text", "conditions", "labels"), GOOD, ids=[text for text, _, _ in GOOD])
def test_a_term_is_a_condition(text: str, conditions: list[Any], labels: list[str]) -> None:
    terms = terms_of(text, FIELDS, ME)
    assert [term.condition for term in terms] == conditions
    assert [term.label for term in terms] == labels


@pytest.mark.promise("lists.search")
@pytest.mark.parametrize("text", ["tag:", '"abc', ":x", ">5", "-", '"', "=", "a:,", '""', "--", 'tag:"x'])
def test_text_that_is_not_a_term_is_a_word(text: str) -> None:
    (term,) = terms_of(text, FIELDS, ME)
    assert set(term.condition) <= {"$or", "$nor"}


@pytest.mark.promise("lists.search")
@given(st.text(max_size=300) | st.text("ab\"'-:=!<>~≤≥≠,. \t01", max_size=300))
@example('a:"' * 90)
@example("\ud800:\0")
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        terms = terms_of(text, FIELDS, ME)
        parse(json.dumps(condition_of(terms)), FIELDS)
    except Refused as refused:
        assert refused.name == "get_request_error"
        return
    covered = {place for term in terms for place in range(term.start, term.end)}
    assert all(text[place].isspace() for place in range(len(text)) if place not in covered)


@pytest.mark.promise("lists.search")
@given(st.sampled_from(["accuracy", "my name", "tag", "a:b"]), st.text("ab ,:-<>.1", min_size=1, max_size=20))
def test_a_chosen_condition_is_one_term(field: str, value: str) -> None:
    (term,) = terms_of(term_text(field, ":", value), FIELDS, ME)
    wanted = term.condition[{"tag": "tags"}.get(field, f"metadata.{field}")]
    assert wanted == value or value in wanted["$in"]


@pytest.mark.promise("lists.search")
@pytest.mark.parametrize("text", ["created>yesterday", "versions.size>big", "x" * (LONGEST + 1), "x" * 201, "a " * 101])
def test_a_search_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse(json.dumps(condition_of(terms_of(text, FIELDS))), FIELDS)


@pytest.mark.promise("lists.search")
@pytest.mark.parametrize("part", ["a", "a ", '"', 'a:"', "-", ":", "a" + " " * 20, '"a"', "a:", "a=b,"])
def test_a_search_is_read_in_linear_time(part: str) -> None:
    text = (part * LONGEST)[:LONGEST]
    started = time.process_time()
    terms_of(text, FIELDS)
    assert time.process_time() - started < 0.5
