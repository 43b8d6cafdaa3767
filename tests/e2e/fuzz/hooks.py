"""Hooks for what OpenAPI cannot express: text of custom formats, free names, objects that must not be deleted."""

import json
import os
from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st

SPARED = set(os.environ["SPARED"].split(","))  # the user whose token is used, and objects that examples refer to
GOOD_PASSWORD = "C0b0l-1959"
CREATIONS = {
    "name": "",
    "username": "",
    "_id": "",
    "email": "@fuzz.example",
}  # fields with unique values, and their suffixes
KNOWN = {"users": "grace", "datasets": "churn-2025"}  # created before the run

# Fields that every collection has; other tests cover the results of filters.
_ids = st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=24)
_conditions = st.one_of(
    _ids,
    st.builds(lambda text: {"$gt": text}, _ids),
    st.builds(lambda texts: {"$in": texts}, st.lists(_ids, max_size=5)),
    st.builds(lambda text: {"$regex": f"^{text}", "$options": "i"}, _ids),
).map(lambda condition: {"_id": condition})
_filters = st.one_of(_conditions, st.lists(_conditions, min_size=1, max_size=3))
schemathesis.openapi.format("filter", _filters.map(json.dumps))
schemathesis.openapi.format("sort", st.sampled_from(["asc", "desc", 1, -1]).map(lambda way: json.dumps({"_id": way})))
schemathesis.openapi.format("words", st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=24))
schemathesis.openapi.format("ordinal", st.integers(0, 2**62).map(str))
schemathesis.openapi.format("time", st.just(""))
schemathesis.openapi.format("expiry", st.sampled_from(["1h", "90d"]))
schemathesis.openapi.format("query", _ids.map(lambda text: f"q={text}"))
schemathesis.openapi.format("password", st.just(GOOD_PASSWORD))


SHORT = "FUZZ_EXAMPLES" not in os.environ
_sent: set[tuple[Any, ...]] = set()


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """In a short run, send one request for each kind of value of each field, such as one wrong type instead of five.

    Of the parameters of GET requests, which lists share, each kind is sent once.
    """
    if not SHORT or case.meta is None or case.meta.phase.name.value != "coverage":
        return True
    data = case.meta.phase.data
    operation = case.method if case.method == "GET" and data.parameter in (case.query or {}) else case.operation.label
    value = (operation, data.scenario, data.parameter_location, data.parameter, data.location)
    is_new = value not in _sent
    _sent.add(value)
    return is_new


@schemathesis.serializer("application/offset+octet-stream")
def offset_stream(context: Any, value: Any) -> Any:
    """Send the bytes of an upload as they are."""
    return value if isinstance(value, bytes) else getattr(value, "data", str(value).encode(errors="ignore"))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Keep objects that must stay, and make valid requests fit the registry's state."""
    if case.method in ("PUT", "DELETE") and (case.path_parameters or {}).get("id") in SPARED:
        case.path_parameters["id"] = "0" * 24
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if "format" in (case.query or {}):  # goes with no `page`; has its own tests
        del case.query["format"]
    if "after" in (case.query or {}):  # needs an existing `_id` and no `page`; has its own tests
        del case.query["after"]
    if case.media_type == "application/json":
        case.body = _legal(case.body, creates=case.method == "POST")


def _fit_all(words: Any) -> None:
    """Replace invalid names in tags and metadata, also in `add`."""
    words = words.get("add") if isinstance(words, dict) else words
    for place, word in enumerate(words if isinstance(words, list) else ()):
        if isinstance(word, dict):
            word["name"] = _fit(word.get("name"))
        else:
            words[place] = _fit(word)


def _fit(name: Any) -> Any:
    """Return the name, or another one if it is blank or a client would normalize it in a URL."""
    if not isinstance(name, str):
        return name
    visible = any(character.isalnum() or character.isascii() and character != " " for character in name)
    return name if visible and not {".", ".."} & set(name.split("/")) else uuid4().hex


def _legal(body: Any, *, creates: bool) -> Any:
    """Return a body with free names, a password that is strong enough, and users and datasets that exist."""
    if isinstance(body, list):
        return [_legal(each, creates=creates) for each in body]
    if not isinstance(body, dict):
        return body
    for field, value in body.items():
        if field in CREATIONS and isinstance(value, str) and (creates or field in ("name", "email")):
            body[field] = f"{uuid4().hex}{CREATIONS[field]}"
        elif field == "password" and "reset" not in body:
            body[field] = GOOD_PASSWORD
        elif field in KNOWN and isinstance(value, list):
            body[field] = [KNOWN[field]] * bool(value)
        elif isinstance(value, dict):
            value.update({part: [] for part in {"remove", "update"} & set(value)})
        if field in KNOWN and isinstance(value, dict) and value.get("add"):
            value["add"] = [KNOWN[field]]
        if field == "metadata" and isinstance(value, list):  # names must be unique
            body[field] = value[:1]
    _fit_all(body.get("tags"))
    _fit_all(body.get("metadata"))
    return body
