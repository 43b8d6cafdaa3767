"""The OpenAPI description, made from the viewsets: their docstrings, serializers and tables.

A viewset's `answers` maps its actions to what they answer: a serializer, or an `OpenApiTypes`; `bodies` maps them to
what they take where that is not `input_class` or `changes_class`; `group` is the heading in the documentation.
"""

from functools import lru_cache
from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, PolymorphicProxySerializer, inline_serializer
from rest_framework import serializers

from tenants.documentation import ErrorAnswer

PATH: Final = "path"
QUERY: Final = "query"
HEADER: Final = "header"
VERBS = {"list": "List", "retrieve": "Get", "create": "Create", "update": "Change", "destroy": "Delete"}
PARAMETERS = {
    "id": OpenApiParameter("id", str, PATH, description="Its `_id` (of a user also the username)"),
    "version": OpenApiParameter("version", str, PATH, description="File name of the version, or else its ordinal"),
    "select": OpenApiParameter("select", str, QUERY, description="Fields to answer, as a JSON list of names"),
    "verbose": OpenApiParameter("verbose", bool, QUERY, description="`false`: answer only numbers to a list"),
    "ordinal": OpenApiParameter("ordinal", str, QUERY, description="Ordinal of the version; else the next number"),
    "sha256": OpenApiParameter("sha256", str, QUERY, description="The file's sha256 as hex, checked before it is kept"),
    "description": OpenApiParameter("description", str, QUERY, description="What is to be said of the version"),
    "tenant": OpenApiParameter("tenant", str, QUERY, description="The user's tenant; the default one if left out"),
    "Range": OpenApiParameter("Range", str, HEADER, description="Bytes wanted, such as `bytes=0-1023`"),
    "If-None-Match": OpenApiParameter("If-None-Match", str, HEADER, description="An ETag that is known: answers 304"),
    "Content-Digest": OpenApiParameter("Content-Digest", str, HEADER, description="`sha-256=:…:`, checked as `sha256`"),
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
        return _one_of(f"Create{self.view.collection.capitalize()}", (body, body(many=True)))

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
            one = _one_of(f"Created{self.view.collection.capitalize()}", (answer, bulk))
            return {200: one, 202: bulk, "default": error}
        return {200: answer, "default": error}


def _one_of(name: str, choices: tuple[Any, ...]) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(name, list(choices), resource_type_field_name=None, many=False)


@lru_cache
def _bulk_answer(collection: str, answer: Any) -> Any:
    fields = {collection: answer(many=True), "errors": serializers.ListField(child=serializers.CharField())}
    return inline_serializer(f"Bulk{collection.capitalize()}", fields)
