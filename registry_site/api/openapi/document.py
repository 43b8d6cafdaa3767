"""Generates the OpenAPI document of this registry."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from registry_site.api.openapi.names import GROUPS

SELECTABLE: tuple[str, ...] = ("Item", "Dataset", "Version", "Info", "File", "Term", "User", "Token", "NewToken")
SELECTABLE += ("MetadataName", "Tenant", "Log", "Event", "Upload", "Alias", "Move", "Holder", "Proposal", "Rule")
SELECTABLE += ("View", "Draft")


class DocumentGenerator(SchemaGenerator):
    """Adds the groups of operations, and the constraints on selectable fields and changes."""

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        document: dict[str, Any] = super().get_schema(request, public)  # type: ignore[no-untyped-call]
        document["tags"] = [{"name": name, "description": text} for name, text in GROUPS.items()]
        schemes = document["components"]["securitySchemes"]
        document["components"]["securitySchemes"] = {name: schemes[name] for name in ("token", "apiToken")}
        for name, schema in document["components"]["schemas"].items():
            if name.endswith("Answer") and name.removesuffix("Answer") in SELECTABLE:
                schema["required"] = [field for field in schema.get("required", ()) if field == "_id"]
            if name.endswith(("ChangesRequest", "ChangeRequest")):
                schema["additionalProperties"] = False
            if name.endswith("ChangesRequest"):
                schema["minProperties"] = 1
        return document


def documented(endpoints: list[Any]) -> list[Any]:
    """Return the endpoints to document. Those below a version have one method; others are for names that end alike."""
    return [endpoint for endpoint in endpoints if "{version}/" not in endpoint[0] or endpoint[2] == "GET"]


@cache
def openapi() -> dict[str, Any]:
    """Return the document, cached per process: it depends on the code only."""
    return DocumentGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
