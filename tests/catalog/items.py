"""Requests that the tests of items send."""

from typing import Any

from tests.answers import ok

KINDS = ("models", "datasets", "algorithms")
SINGULAR = {"models": "model", "datasets": "dataset", "algorithms": "algorithm"}


def create(api: Any, kind: str = "models", **fields: Any) -> dict[str, Any]:
    """Create an item; it is named `thing` unless `fields` say otherwise."""
    document: dict[str, Any] = ok(api.post(kind, json={"name": "thing"} | fields))
    return document


def read(api: Any, path: str) -> dict[str, Any]:
    """Return the JSON of a path that the caller may read."""
    document: dict[str, Any] = ok(api.get(path))
    return document


def change(api: Any, path: str, **fields: Any) -> dict[str, Any]:
    """Change an item, then read and return it."""
    ok(api.put(path, json=fields))
    return read(api, path)


def words(references: list[dict[str, Any]], field: str) -> set[str]:
    """Return one field of every reference in a list."""
    return {reference[field] for reference in references}


def pairs(document: dict[str, Any]) -> dict[str, Any]:
    """Return an item's metadata as a dictionary; fail if a name occurs twice."""
    names = [entry["name"] for entry in document["metadata"]]
    assert len(names) == len(set(names))
    return {entry["name"]: entry["value"] for entry in document["metadata"]}


def terms(api: Any, collection: str) -> dict[str, str]:
    """Return the folksonomy's terms of a collection (`tags`, `metadata`) with their usage."""
    docs = read(api, f"{collection}?limit=1000")["docs"]
    return {term["_id"]: term["usage"] for term in docs}
