"""JSON bodies have the types that their description says: no number is taken for a text, no text for a number."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import Serializer

from registry_site.api.openapi.document import openapi
from tests.answers import assert_error, ok

ONE_OF_EACH = (None, False, True, 0, 1, 1.5, "", "0", "true", "off", "{}", [], {})
VALUES = (*ONE_OF_EACH, *([value] for value in ONE_OF_EACH), *({"name": value} for value in ONE_OF_EACH))


def _parts(schema: Any) -> Iterator[str]:
    """Yield the names of the schemas of the document that a schema refers to, at any depth."""
    for key, value in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if key == "$ref":
            name = value.rsplit("/", maxsplit=1)[-1]
            yield name
            yield from _parts(openapi()["components"]["schemas"][name])
        elif isinstance(value, dict | list):
            yield from _parts(value)


def _serializers(kind: Any = Serializer) -> Iterator[tuple[str, type[Serializer[Any]]]]:
    """Yield all serializers, by the names of their schemas."""
    for each in kind.__subclasses__():
        yield f"{each.__name__}Request", each
        yield from _serializers(each)


def _bodies() -> list[type[Serializer[Any]]]:
    """Return the serializers of all JSON bodies and of their parts."""
    operations = [operation for path in openapi()["paths"].values() for operation in path.values()]
    contents = [operation.get("requestBody", {}).get("content", {}) for operation in operations]
    sent = {name.removeprefix("Patched") for each in contents for name in _parts(each.get("application/json", {}))}
    return [serializer for name, serializer in dict(_serializers()).items() if name in sent]


@pytest.mark.promise("bodies.types")
@pytest.mark.parametrize("body", _bodies(), ids=lambda body: body.__name__)
def test_a_field_refuses_all_values_of_types_that_its_description_does_not_name(body: type[Serializer[Any]]) -> None:
    components = openapi()["components"]
    schemas = {name.removeprefix("Patched"): schema for name, schema in components["schemas"].items()}
    for name, schema in schemas[f"{body.__name__}Request"]["properties"].items():
        described = Draft202012Validator(schema | {"components": components})
        for value in VALUES:
            try:
                body().fields[name].run_validation(value)
            except ValidationError:
                continue
            # Services check what a pattern says.
            wrong = [error.message for error in described.iter_errors(value) if error.validator != "pattern"]
            assert not wrong, f"{name} accepts {value!r}: {wrong}"


def test_all_bodies_are_tried() -> None:
    tried = {body.__name__ for body in _bodies()}
    assert {"ItemInput", "ViewChanges", "RuleInput", "TagUpdate", "SourceOfFile"} <= tried


@pytest.mark.promise("bodies.types", "protection.rules")
@pytest.mark.parametrize(
    ("field", "value", "details"),
    [
        ("condition", False, "condition"),
        ("condition", "", "condition"),
        ("aliases", 1, "aliases"),
        ("approvals", "1", "approvals"),
        ("tags", ["\x9b"], "character"),
        ("name", "\x9b", "character"),
    ],
)
def test_a_rule_refuses_other_types_and_names_that_no_tag_has(world: Any, field: str, value: Any, details: str) -> None:
    api = world.acme.admin.api
    rule = {"name": "release", "aliases": "production"}
    assert_error(api.post("protection", json=rule | {field: value}), "post_request_error", details)
    id = ok(api.post("protection", json=rule))["_id"]
    assert_error(api.put(f"protection/{id}", json={field: value}), "put_request_error", details)


@pytest.mark.promise("bodies.types", "views.saved")
def test_a_view_is_shared_by_true_alone(world: Any) -> None:
    api = world.acme.owner.api
    view = {"name": "good", "list": "models"}
    assert_error(api.post("views", json=view | {"shared": 0}), "post_request_error", "shared")
    id = ok(api.post("views", json=view))["_id"]
    assert_error(api.put(f"views/{id}", json={"shared": 1}), "put_request_error", "shared")
