"""The parameters of operations in the path, query and headers, with examples."""

from collections.abc import Sequence
from typing import Any, Literal

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from catalog.models import KINDS
from tenants.rest import documentation as values

# Collection -> the `{id}` in examples.
IDS = {
    "rules": values.RULE,
    "views": values.VIEW,
    "tags": "vision",
    "metadatas": "licence",
    "users": "grace",
    "tenants": "globex",
    "types": "acme",
}
AFTER = IDS | {"users": values.GRACE, "tokens": values.TOKEN, "versions": values.VERSION, "log": values.REQUEST}
AFTER |= {"events": "0", "aliases": "production", "history": values.MOVE, "proposals": values.PROPOSAL}
HEADER = "^[ -~]*$"  # the server itself refuses other characters
IDENTIFIERS = {
    "tags": "The tag itself",
    "metadatas": "The name itself",
    "users": "The user's `_id` or username",
    "tenants": "The tenant's `_id`",
}
FILTERS = {
    "models": '{"metadata.accuracy": {"$gte": 0.9}}',
    "datasets": '{"tags": "customers"}',
    "algorithms": '{"name": {"$regex": "^gradient", "$options": "i"}}',
    "versions": '{"original": "churn.onnx"}',
    "aliases": '{"_id": "production"}',
    "history": '{"to": "1"}',
    "holders": '{"kind": "model"}',
    "proposals": '{"status": "open"}',
    "rules": '{"aliases": "production"}',
    "views": '{"list": "models"}',
    "tags": '{"usage": "default"}',
    "metadatas": '{"_id": {"$regex": "^acc"}}',
    "users": '{"role": "admin"}',
    "tokens": '{"last_used": {"$lt": "2026-01-01"}}',
    "tenants": '{"organization": {"$regex": "Research"}}',
    "types": '{"_id": "acme"}',
    "log": '{"status": {"$gte": 400}}',
    "uploads": '{"size": {"$gte": 1000000}}',
    "events": '{"type": "model.updated"}',
    "drafts": '{"metrics.accuracy": {"$gte": 0.9}}',
}
SORTS = {
    "versions": '{"size": "desc"}',
    "aliases": '{"_id": "asc"}',
    "history": '{"sequence": "asc"}',
    "proposals": '{"lastmod": "desc"}',
    "tags": '{"_id": "asc"}',
    "metadatas": '{"_id": "asc"}',
    "users": '{"username": "asc"}',
    "tokens": '{"expires": "asc"}',
    "tenants": '{"_id": "asc"}',
    "types": '{"_id": "desc"}',
    "log": '{"status": "desc"}',
    "uploads": '{"size": "desc"}',
    "events": '{"type": "asc"}',
    "drafts": '{"size": "desc"}',
}
SELECTIONS = {
    "versions": '["ordinal", "sha256"]',
    "aliases": '["version", "reason"]',
    "history": '["from", "to", "timestamp"]',
    "holders": '["name", "version"]',
    "proposals": '["version", "status"]',
    "rules": '["name", "approvals"]',
    "views": '["name", "query"]',
    "tags": '["usage"]',
    "metadatas": '["usage"]',
    "users": '["username"]',
    "tokens": '["name", "expires"]',
    "tenants": '["organization", "email"]',
    "types": '["_id"]',
    "log": '["method", "url", "status"]',
    "uploads": '["size", "offset"]',
    "events": '["type", "actor", "item"]',
    "drafts": '["name", "metrics"]',
}


def _parameter(
    name: str,
    place: Literal["path", "query", "header"],
    example: str,
    description: str,
    required: bool = False,
    **schema: Any,
) -> OpenApiParameter:
    # The example that leaves it out is first, because documentation pages prefill it.
    left_out = [] if place == "path" or required else [OpenApiExample("Left out", "")]
    examples = [*left_out, OpenApiExample("Example", example)]
    described: Any = {"type": "string"} | schema
    must = required or place == "path"
    return OpenApiParameter(name, described, place, required=must, description=description, examples=examples)


NAME = "filename Y2h1cm4ub25ueA=="
DIGEST = "sha-256=:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=:"
NAMED = {
    parameter.name: parameter
    for parameter in (
        _parameter("version", "path", "churn.onnx", "File name or ordinal of the version, or `@` and an alias"),
        _parameter("file", "path", "churn.onnx", "Path of the file"),
        _parameter("alias", "path", "production", "The alias", pattern="^[A-Za-z0-9_-]{1,64}$"),
        _parameter("proposal", "path", values.PROPOSAL, "Its `_id`", pattern="^[0-9a-f]{24}$"),
        _parameter("If-Match", "header", '"1"', "The ordinal that the alias must point at now, in quotes"),
        _parameter("format", "query", "zip", "`zip` or `tar`: the archive of a folder", enum=["", "zip", "tar"]),
        _parameter("from", "query", "1", "The version to compare with; default: the one before"),
        _parameter("prefix", "query", "churn", "Start of the paths"),
        _parameter("filter", "query", '{"size": {"$gt": 1}}', "Condition on path, size, sha256 and mimetype, as JSON"),
        _parameter("sort", "query", '{"size": "desc"}', "Order, as JSON; by path by default"),
        _parameter("page", "query", "1", "Number of the page, from 1", pattern="^[0-9]*$"),
        _parameter("limit", "query", "100", "Files per page", pattern="^[0-9]*$"),
        _parameter("after", "query", values.VERSION, "Instead of `page`: the `_id` of the file before the page"),
        _parameter("at", "query", values.TIME, "What was true at this time; default: what is", format="time"),
        _parameter(
            "facets",
            "query",
            "visibility,owner",
            "Fields to count values of, as `facets` in the answer",
            enum=["", "visibility,owner"],
        ),
        _parameter("counts", "query", "true", "`true`: how many items use each word", enum=["", "true", "false"]),
        _parameter("verbose", "query", "false", "`false`: a list is answered with numbers only"),
        _parameter(
            "ordinal",
            "query",
            "70",
            "Ordinal of the version; default: the highest number plus 1",
            format="ordinal",
            maxLength=64,
            pattern="^[A-Za-z0-9._-]*$",
        ),
        _parameter(
            "sha256",
            "query",
            values.FILE_SHA256,
            "The file's sha256 as hex, checked before the version is stored",
            pattern="^([0-9a-fA-F]{64})?$",
        ),
        _parameter("description", "query", "Beats the baseline", "Description of the version"),
        _parameter("tags", "query", '["onnx"]', "Tags of the version, as a JSON list"),
        _parameter(
            "metadata", "query", '[{"name": "accuracy", "value": 0.95}]', "Metadata of the version, as a JSON list"
        ),
        _parameter("tenant", "query", "acme", "The user's tenant; default: the default tenant"),
        _parameter("Range", "header", "bytes=0-1", "The requested bytes", pattern=HEADER),
        _parameter(
            "If-None-Match",
            "header",
            f'"{values.FILE_SHA256}"',
            "A known ETag: an unchanged file is answered with 304",
            pattern=HEADER,
        ),
        _parameter("Content-Digest", "header", DIGEST, "Like `sha256`", format="digest"),
        _parameter("Tus-Resumable", "header", "1.0.0", "Version of the protocol", required=True, enum=["1.0.0"]),
        _parameter("Upload-Length", "header", "4", "Size of the file in bytes", required=True, pattern="^[0-9]{1,9}$"),
        _parameter("Upload-Offset", "header", "0", "Bytes that are there", required=True, pattern="^[0-9]{1,9}$"),
        _parameter("Upload-Metadata", "header", NAME, "Keys, each with its value in base64", enum=["", NAME]),
        _parameter(
            "Upload-Concat",
            "header",
            "partial",
            "`partial`: a part to be joined with others by `final;` and their URLs",
            enum=["", "partial"],
        ),
    )
}
NAMED |= {
    f"compare.{parameter.name}": parameter
    for parameter in (
        _parameter(
            "ids",
            "query",
            values.ITEM,
            "Ids of items, separated by commas; for a version with `@` and its ordinal, alias or file name",
        ),
        _parameter("kind", "query", "model", "Instead of `ids`: the kind of the items", enum=["", *KINDS]),
        _parameter("filter", "query", FILTERS["models"], "With `kind`: condition on the items, as JSON"),
        _parameter("sort", "query", '{"name": "asc"}', "With `kind`: order of the items, as JSON"),
        _parameter("by", "query", "version", "`version`: a column for each version", enum=["", "item", "version"]),
        _parameter("fields", "query", "metadata,tags,size", "Fields to compare; default: `metadata`, all of it"),
        _parameter("diff", "query", "true", "`true`: only rows that differ", enum=["", "true", "false"]),
        _parameter("format", "query", "csv", "Answer as a file", enum=["", "json", "csv", "latex", "markdown"]),
    )
}
NAMED |= {
    "uses": _parameter("uses", "query", "most", "`most` used first, or `none`: unused", enum=["", "most", "none"]),
    "duplicates.limit": _parameter("limit", "query", "25", "Groups per page, 1 to 100", pattern="^[0-9]*$"),
    "duplicates.dismissed": _parameter("dismissed", "query", "true", "What was dismissed", enum=["", "true", "false"]),
    "suggestions.text": _parameter("text", "query", "vis", "Part of the words, in any case", maxLength=255),
    "merge.word": _parameter("word", "query", "draft", "The word that would be replaced", required=True),
    "merge.into": _parameter("into", "query", "vision", "The word that would remain", required=True),
}


def parameters(view: Any, path: str) -> Sequence[OpenApiParameter]:
    """Return the parameters of an operation, except those of every list."""
    names = [*view.parameters.get(view.action, ())] if hasattr(view, "parameters") else []
    found = [_id(view.collection)] if "{id}" in path else []
    found += [NAMED[name] for name in ("version", "file", "alias", "proposal") if f"{{{name}}}" in path]
    return found + [_select(_key(view, path)) if name == "select" else NAMED[name] for name in names]


FORMATS = {"filter": "filter", "sort": "sort", "q": "words"}


def with_examples(parameter: dict[str, Any], view: Any, path: str) -> dict[str, Any]:
    """Return a common parameter of lists with an example for this list."""
    key = _key(view, path)
    examples = {
        "filter": FILTERS.get(key),
        "sort": SORTS.get(key, '{"name": "asc"}'),
        "after": AFTER.get(key, values.ITEM),
        "select": SELECTIONS.get(key, '["name", "tags"]'),
        "format": "csv",
        "q": "churn",
    }
    name = parameter["name"]
    if name not in examples:
        return parameter
    schema = parameter["schema"] | ({"format": FORMATS[name]} if name in FORMATS else {})
    shown = {"LeftOut": {"summary": "Left out", "value": ""}, "Example": {"value": examples[name]}}
    return {key: value for key, value in parameter.items() if key != "example"} | {"schema": schema, "examples": shown}


def _key(view: Any, path: str) -> str:
    if path.endswith("/events"):
        return "events"
    parts = ("history", "proposals", "aliases", "versions") if "{id}" in path else ()
    return next((part for part in parts if f"/{part}" in path), str(view.collection))


def _id(collection: str) -> OpenApiParameter:
    pattern: dict[str, Any] = {} if collection in IDS else {"pattern": "^[0-9a-f]{24}$"}
    id = values.TOKEN if collection == "tokens" else IDS.get(collection, values.ITEM)
    return _parameter("id", "path", id, IDENTIFIERS.get(collection, "Its `_id`"), **pattern)


def _select(key: str) -> OpenApiParameter:
    example = SELECTIONS.get(key, '["name", "tags"]')
    return _parameter("select", "query", example, "Fields to return, as a JSON list of names")
