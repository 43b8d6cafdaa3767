"""The OpenAPI document describes everything that a client needs, with examples."""

from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def document() -> Any:
    return APIClient().get("/v1/docs").json()


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, item in document["paths"].items():
        yield from ((f"{method} {path}", item[method]) for method in METHODS if method in item)


def has_example(document: Any, media: Any) -> bool:
    return bool(media.get("examples") or "example" in media) or media["schema"].get("format") == "binary"


@pytest.mark.promise("about.docs")
def test_every_parameter_is_described_and_has_an_example(document: Any) -> None:
    lacking = [
        (name, parameter["name"])
        for name, operation in operations(document)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description") or not (parameter.get("examples") or "example" in parameter)
    ]
    assert lacking == []


@pytest.mark.promise("about.docs")
def test_every_body_and_answer_has_an_example(document: Any) -> None:
    lacking = []
    for name, operation in operations(document):
        parts = {"body": operation.get("requestBody", {})} | operation["responses"]
        for part, described in parts.items():
            if any(not has_example(document, media) for media in described.get("content", {}).values()):
                lacking.append((name, part))
    assert lacking == [], lacking


@pytest.mark.promise("about.docs")
def test_operations_have_unique_names(document: Any) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names)) > 50
    assert all(operation["summary"] for _, operation in operations(document))
