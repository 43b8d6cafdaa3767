"""Generates the OpenAPI document of this registry."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from registry_site.api.openapi.names import GROUPS

SELECTABLE = ("Item", "Dataset", "Version", "Term", "User", "Token", "NewToken", "Tenant", "Log", "Event", "Upload")


class DocumentGenerator(SchemaGenerator):
    """Adds the groups of operations, and the constraints on selectable fields and changes."""

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        document: dict[str, Any] = super().get_schema(request, public)  # type: ignore[no-untyped-call]
        document["tags"] = [{"name": name, "description": text} for name, text in GROUPS.items()]
        schemes = document["components"]["securitySchemes"]
        document["components"]["securitySchemes"] = {name: schemes[name] for name in ("token", "apiToken")}
        for name, schema in document["components"]["schemas"].items():
            if name.endswith("Answer") and name.removesuffix("Answer") in SELECTABLE:
                schema["required"] = [field for field in schema["required"] if field == "_id"]
            if name.endswith(("ChangesRequest", "ChangeRequest")):
                schema["additionalProperties"] = False
            if name.endswith("ChangesRequest"):
                schema["minProperties"] = 1
        return document


@cache
def openapi() -> dict[str, Any]:
    """Return the document, cached per process: it depends on the code only."""
    return DocumentGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
