"""The OpenAPI description, made from the viewsets: their docstrings, serializers and tables.

A viewset's `answers` maps its actions to what they answer: a serializer, or an `OpenApiTypes`; `bodies` maps them to
what they take where that is not `input_class` or `changes_class`; `group` is the heading in the documentation.
"""

from functools import lru_cache
from typing import Any, Literal

from drf_spectacular.drainage import get_override
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiRequest,
    OpenApiResponse,
    PolymorphicProxySerializer,
    inline_serializer,
)
from rest_framework import serializers

from tenants.documentation import ErrorAnswer

VERBS = {"list": "List", "retrieve": "Get", "create": "Create", "update": "Change", "destroy": "Delete"}


def _parameter(
    name: str, place: Literal["path", "query", "header"], example: str, description: str
) -> OpenApiParameter:
    examples = [OpenApiExample("Example", example)]
    return OpenApiParameter(name, str, place, description=description, examples=examples)


SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
PARAMETERS = {
    parameter.name: parameter
    for parameter in (
        _parameter("id", "path", "66a1f0c2b7d94e3f8a5c1d20", "Its `_id` (of a user also the username)"),
        _parameter("version", "path", "churn.onnx", "File name of the version, or else its ordinal"),
        _parameter("select", "query", '["name", "tags"]', "Fields to answer, as a JSON list of names"),
        _parameter("verbose", "query", "false", "`false`: answer only numbers where a list was sent"),
        _parameter("ordinal", "query", "70", "Ordinal of the version; else the highest number so far plus 1"),
        _parameter("sha256", "query", SHA256, "The file's sha256 as hex, checked before anything is kept"),
        _parameter("description", "query", "Beats the baseline", "What is to be said of the version"),
        _parameter("tenant", "query", "acme", "The user's tenant; the default one if left out"),
        _parameter("Range", "header", "bytes=0-1023", "The bytes that are wanted"),
        _parameter("If-None-Match", "header", f'"{SHA256}"', "An ETag that is known: answers 304"),
        _parameter("Content-Digest", "header", "sha-256=:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=:", "As `sha256`"),
    )
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.authentication.TokenAuthentication"
    name = "token"
    match_subclasses = False

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        description = "The token that login answers, with or without `JWT ` or `Bearer ` before it"
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": description}


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "tenants.authentication.ApiTokenAuthentication"
    name = "apiToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        description = "The operator's `API_TOKEN`"
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": description}


class RegistrySchema(AutoSchema):
    """Describes operations by what their viewsets declare."""

    view: Any

    def get_tags(self) -> list[str]:
        return [str(getattr(self.view, "group", None) or getattr(self.view, "collection", "about"))]

    def get_operation_id(self) -> str:
        route = getattr(self.view, "collection", None) or self.path.rsplit("/", 1)[-1].split(".")[0]
        part = "_versions" if "/versions" in self.path else ""
        prefix = "alias_" if self.path == "/login" else ""
        return f"{prefix}{self.view.action}_{route}{part}"

    def get_summary(self) -> str:
        own = (getattr(self.view, self.view.action).__doc__ or "").strip().split("\n")[0].rstrip(".")
        if own:
            return own
        words = self.get_tags()[0]
        return f"{VERBS[self.view.action]} {words if self.view.action == 'list' else f'one of the {words}'}"

    def get_description(self) -> str:  # type: ignore[override]
        return " ".join((type(self.view).__doc__ or "").split())

    def get_override_parameters(self) -> list[Any]:
        declared = getattr(self.view, "parameters", {}).get(self.view.action, ())
        named = [name for name in ("id", "version") if f"{{{name}}}" in self.path]
        return [PARAMETERS[name] for name in (*named, *declared)]

    def _get_serializer(self) -> Any:
        return None

    def get_request_serializer(self) -> Any:
        if self.method not in ("POST", "PUT"):
            return None
        bodies = getattr(self.view, "bodies", {})
        if self.view.action in bodies:
            return bodies[self.view.action]
        if self.view.action == "update":
            return self.view.changes_class
        body: Any = getattr(self.view, "input_class", None)
        if not self._takes_lists():
            return body
        either = _one_of(f"Create{self.view.collection.capitalize()}", (body, body(many=True)))
        return OpenApiRequest(either, examples=get_override(body, "examples"))

    def _takes_lists(self) -> bool:
        collection = self.view.action == "create" and hasattr(self.view, "create_one")
        return collection and "create" not in getattr(self.view, "bodies", {})

    def get_response_serializers(self) -> Any:
        answers = getattr(self.view, "answers", {})
        answer = answers.get(self.view.action, getattr(self.view, "answer_class", None))
        error = OpenApiResponse(ErrorAnswer, "An error; `GET /v1/errors` lists them all")
        if answer is OpenApiTypes.BINARY:
            return {(200, "application/octet-stream"): OpenApiTypes.BINARY, 206: None, 304: None, "default": error}
        if self._takes_lists():
            bulk = _bulk_answer(self.view.collection, answer)
            either = _one_of(f"Created{self.view.collection.capitalize()}", (answer, bulk))
            examples = get_override(answer, "examples")
            parts = {self.view.collection: [examples[0].value], "errors": ["Index: 1 (Path `name` is required)"]}
            return {
                200: OpenApiResponse(either, examples=examples),
                202: OpenApiResponse(bulk, "Some could not be created", [OpenApiExample("Example", parts)]),
                "default": error,
            }
        return {200: answer, "default": error}


def _one_of(name: str, choices: tuple[Any, ...]) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(name, list(choices), resource_type_field_name=None, many=False)


@lru_cache
def _bulk_answer(collection: str, answer: Any) -> Any:
    fields = {collection: answer(many=True), "errors": serializers.ListField(child=serializers.CharField())}
    return inline_serializer(f"Bulk{collection.capitalize()}", fields)
