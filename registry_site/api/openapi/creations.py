"""The request bodies and responses of operations that create one resource or a list of them."""

from functools import lru_cache
from typing import Any

from drf_spectacular.drainage import get_override
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiRequest,
    OpenApiResponse,
    PolymorphicProxySerializer,
    inline_serializer,
)
from rest_framework import serializers

# Unique field -> the error message for a duplicate.
DUPLICATES = {
    "name": "A thing with the same name already exists for this user",
    "username": "a user with the same username already exists ({})",
    "_id": "E11000 duplicate key error: the _id is already used ({})",
}


def creation_body(collection: str, body: Any) -> OpenApiRequest:
    """Return the description of a request body with one resource or a list of them."""
    one, third = _example(body), _another("third", _example(body))
    examples = [
        OpenApiExample("One", one),
        OpenApiExample("List", [_another("second", one)]),
        OpenApiExample("List with an error", [third, third]),
    ]
    return OpenApiRequest(_one_of(f"Create{collection.capitalize()}", (body, body(many=True))), examples=examples)


def creation_answers(collection: str, body: Any, answer: Any) -> dict[int, Any]:
    """Return the descriptions of the responses to such a body."""
    key = next(field for field in _example(body) if field in DUPLICATES)
    one, third = _example(answer), _another("third", _example(answer))
    error = f"Index: 1 ({DUPLICATES[key].format(third[key])})"
    bulk, numbers, name = _bulk(collection, answer), _numbers(), collection.capitalize()
    whole = [
        OpenApiExample("One", one),
        OpenApiExample("List", {collection: [_another("second", one)], "errors": []}),
        OpenApiExample("Numbers", {"saved": 1, "errors": 0, "Indexes": []}),
    ]
    parts = [
        OpenApiExample("List with an error", {collection: [third], "errors": [error]}),
        OpenApiExample("Numbers", {"saved": 1, "errors": 1, "Indexes": [error]}),
    ]
    return {
        200: OpenApiResponse(_one_of(f"Created{name}", (answer, bulk, numbers)), "Created", whole),
        202: OpenApiResponse(_one_of(f"PartlyCreated{name}", (bulk, numbers)), "Some could not be created", parts),
    }


def _example(serializer: Any) -> dict[str, Any]:
    value: dict[str, Any] = get_override(serializer, "examples")[0].value
    return value


def _another(word: str, resource: dict[str, Any]) -> dict[str, Any]:
    """Return an example of another resource, with other names."""
    named = {field: f"{word}-{resource[field]}" for field in (*DUPLICATES, "email") if field in resource}
    return (
        resource
        | named
        | ({"id": named["_id"]} if resource.get("id") == resource.get("_id") and "id" in resource else {})
    )


def _one_of(name: str, choices: tuple[Any, ...]) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(name, list(choices), resource_type_field_name=None, many=False)


@lru_cache
def _bulk(collection: str, answer: Any) -> Any:
    fields = {collection: answer(many=True), "errors": _texts()}
    return inline_serializer(f"Bulk{collection.capitalize()}", fields)


@lru_cache
def _numbers() -> Any:
    """Return the response to `verbose=false`."""
    numbers = {"saved": serializers.IntegerField(), "errors": serializers.IntegerField()}
    return inline_serializer("BulkNumbers", numbers | {"Indexes": _texts()})


def _texts() -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField())
