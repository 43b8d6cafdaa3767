"""Generates the Postman collection: README's tour, then every operation of the OpenAPI document with its example."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from registry_site.api.openapi.walk import Call, chapters

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
DESCRIPTION = """Set the variables `URL` and `API_TOKEN`, then run the collection from its first request to its last: it
creates what it needs and removes it. Put two files, `churn.csv` and `churn.onnx`, into Postman's working directory."""
VARIABLES = {"URL": "http://localhost:8084", "API_TOKEN": "", "SHA256": ""}
JSON, FORM = "application/json", "multipart/form-data"
METHODS = ("post", "get", "put", "patch", "delete")
THINGS = {
    "models": "model",
    "datasets": "dataset",
    "algorithms": "algorithm",
    "tags": "tag",
    "metadata": "metadata_name",
    "users": "user",
    "tokens": "machine_token",
    "tenants": "tenant",
    "uploads": "upload",
    "drafts": "draft",
    "protection": "rule",
    "proposals": "proposal",
    "views": "view",
}
KINDS = ("models", "datasets", "algorithms")
# Resources that the examples need, deleted with their tenant at the end: path, body, token, variable, field.
PREREQUISITES: Sequence[tuple[str, Any, str, str, str]] = (
    (
        "tenants",
        {"_id": "acme", "email": "info@acme.example", "admin_username": "ada", "admin_password": "An3ngine!"},
        "API_TOKEN",
        "",
        "",
    ),
    ("login", {"username": "ada", "password": "An3ngine!", "tenant": "acme"}, "", "TOKEN", "token"),
    ("users", {"username": "grace", "password": "C0b0l-59", "email": "grace@acme.example"}, "TOKEN", "", ""),
    ("tags", {"_id": "draft"}, "TOKEN", "", ""),
    ("datasets", {"name": "churn-2025"}, "TOKEN", "", ""),
    ("protection", {"name": "release", "aliases": "released", "approvals": 1}, "TOKEN", "", ""),
    *((kind, {"name": "baseline"}, "TOKEN", f"{THINGS[kind]}_with_versions", "_id") for kind in KINDS),
)
# The reset secret in the example is not valid, the demo routes need the demo tenant, and nothing is logged as a draft.
REFUSED = {"resetPassword": 403, "listDemo": 403, "createDemo": 403, "deleteDemo": 403}
REFUSED |= dict.fromkeys(("getDraft", "changeDraft", "deleteDraft", "publishDraft"), 404)
# An author does not approve their own proposal, which is rejected before it would be withdrawn.
REFUSED |= {f"approve{kind}Proposal": 403 for kind in ("Model", "Dataset", "Algorithm")}
REFUSED |= {f"withdraw{kind}Proposal": 400 for kind in ("Model", "Dataset", "Algorithm")}
# The tenant has none of the words to merge or to dismiss, and no such event.
REFUSED |= dict.fromkeys(("mergeTag", "previewTagMerge", "mergeMetadataName", "previewMetadataNameMerge"), 400)
REFUSED |= dict.fromkeys(("dismissDuplicateTags", "dismissDuplicateMetadataNames"), 400)
REFUSED |= {"undoEvent": 404}
STORED = {"login": ("TOKEN", "token"), "renewToken": ("TOKEN", "token")}


def collection(document: Mapping[str, Any], readme: str) -> dict[str, Any]:
    """Return the collection: the tour, the resources for examples, and a folder per group. It deletes its tenants."""
    prefix = next(path for path in document["paths"] if path.endswith("/models")).removesuffix("/models")
    groups = [_group(document, tag) for tag in document["tags"]]
    prerequisites = [
        _item(f"POST {prefix}/{path}", _request("POST", f"{prefix}/{path}", token, body), 200, (keeps, field))
        for path, body, token, keeps, field in PREREQUISITES
    ]
    removal = _request("DELETE", f"{prefix}/tenants/acme", "API_TOKEN")
    return {
        "info": {"name": document["info"]["title"], "description": DESCRIPTION, "schema": SCHEMA},
        "variable": [{"key": name, "value": value} for name, value in VARIABLES.items()],
        "item": [
            {"name": "Walk", "item": [_chapter(prose, calls) for prose, calls in chapters(readme)]},
            {"name": "After the walk", "item": [_item(f"DELETE {prefix}/tenants/acme", removal)]},
            {"name": "Before the examples", "item": prerequisites},
            *groups,
            {"name": "After the examples", "item": [_item(f"DELETE {prefix}/tenants/acme", removal)]},
        ],
    }


def _chapter(prose: str, calls: Sequence[Call]) -> dict[str, Any]:
    return {
        "name": prose.split(". ", maxsplit=1)[0].removesuffix(":"),
        "description": prose,
        "item": [_tour_item(call) for call in calls],
    }


def _tour_item(call: Call) -> dict[str, Any]:
    """Return the item of a call in the tour."""
    parts = urlsplit(_variables(call.url).removeprefix("{{URL}}"))
    query = [
        {"key": pair.partition("=")[0], "value": pair.partition("=")[2]} for pair in parts.query.split("&") if pair
    ]
    query += [{"key": name, "value": value} for name, value in call.query.items()]
    request: dict[str, Any] = {
        "method": call.method,
        "header": _headers({name: _variables(value) for name, value in call.headers.items()}),
        "url": _url(parts.path, query),
    }
    if call.body:
        request["body"] = {"mode": "raw", "raw": call.body}
    if call.form_file:
        request["body"] = _form({"file": call.form_file})
    if call.body_file:
        request["body"] = {"mode": "file", "file": {"src": call.body_file}}
    return _item(f"{call.method} {parts.path}", request, 200, (call.keeps, call.part))


def _group(document: Mapping[str, Any], tag: Mapping[str, str]) -> dict[str, Any]:
    """Return a folder of operations: those that make things first, those that remove them last."""
    found = [
        (_place(method, path), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if tag["name"] in operation["tags"]
    ]
    found.sort(key=lambda each: (each[1].split("/")[2:3], each[0]))
    items = [_operation(METHODS[order].upper(), path, operation) for (_, order), path, operation in found]
    return {"name": tag["name"], "description": tag["description"], "item": items}


def _place(method: str, path: str) -> tuple[int, int]:
    """Return the place of an operation in its collection: those that make things first, those that remove them last."""
    makes = method == "post" or method == "put" and path.endswith("/{alias}")
    return 0 if makes else 2 if method == "delete" else 1, METHODS.index(method)


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    """Return an operation with its example; parameters that may be left out are there, switched off."""
    schemes = [name for scheme in operation.get("security", ()) for name in scheme]
    token = {"token": "TOKEN", "apiToken": "API_TOKEN"}[schemes[0]] if schemes else ""
    request = _request(method, _with_arguments(path, method), token)
    for parameter in operation.get("parameters", ()):
        entry = {"key": parameter["name"], "value": _example(parameter), "description": parameter["description"]}
        if parameter["in"] == "query":
            request["url"].setdefault("query", []).append(entry | {"disabled": True})
        if parameter["in"] == "header":
            request["header"].append(entry if parameter.get("required") else entry | {"disabled": True})
    content = operation.get("requestBody", {}).get("content", {})
    for media_type, media in {FORM: content[FORM]}.items() if FORM in content else content.items():
        request["body"] = _body(media_type, media)
        if media_type != FORM:
            request["header"] += _headers({"Content-Type": media_type})
    id = operation["operationId"]
    status = REFUSED.get(id) or int(min(operation["responses"]))
    item = _item(operation["summary"], request, status, STORED.get(id) or _stored_variable(method, path))
    item["request"]["description"] = operation["description"]
    return item


def _stored_variable(method: str, path: str) -> tuple[str, str]:
    """Return the variable that a response sets, and the field that it is set from."""
    if method == "PUT" and "/versions/" in path:
        return "ordinal", "versions.slice(-1)[0].ordinal"
    thing = THINGS.get(path.rsplit("/", maxsplit=1)[-1], "")
    return (thing, "_id") if method == "POST" and thing else ("", "")


def _with_arguments(path: str, method: str) -> str:
    """Return the path with its parameters replaced by variables or by earlier requests' resources."""
    parts = path.split("/")
    thing = THINGS.get(parts[2] if len(parts) > 2 else "", "")
    arguments = {
        "{id}": f"{{{{{thing}_with_versions}}}}" if {"versions", "aliases"} & set(parts) else f"{{{{{thing}}}}}",
        "{version}": "{{ordinal}}" if method in ("PATCH", "DELETE") else "churn.onnx",
        "{file}": "churn.onnx",
        "{alias}": "released" if "proposals" in parts else "production",
        "{proposal}": "{{proposal}}",
    }
    return "/".join(arguments.get(part, part) for part in parts)


def _request(method: str, path: str, token: str = "", body: Any = None) -> dict[str, Any]:
    headers = {"Authorization": f"{{{{{token}}}}}"} if token else {}
    request: dict[str, Any] = {"method": method, "header": _headers(headers), "url": _url(path, [])}
    if body is not None:
        request["header"] += _headers({"Content-Type": JSON})
        request["body"] = _raw(body)
    return request


def _item(name: str, request: dict[str, Any], status: int = 200, stored: tuple[str, str] = ("", "")) -> dict[str, Any]:
    """Return a request with a test of its status, and a script that stores a variable."""
    lines = [f'pm.test("is answered with {status}", () => pm.response.to.have.status({status}));']
    if stored[0]:
        lines.append(f'pm.collectionVariables.set("{stored[0]}", pm.response.json().{stored[1]});')
    return {
        "name": name,
        "event": [{"listen": "test", "script": {"type": "text/javascript", "exec": lines}}],
        "request": request,
    }


def _body(media_type: str, media: Mapping[str, Any]) -> dict[str, Any]:
    if media_type == JSON:
        return _raw(next(iter(media["examples"].values()))["value"])
    if media_type != FORM:
        return {"mode": "file", "file": {"src": "churn.onnx"}}
    return _form(next(iter(media["examples"].values()))["value"] | {"file": "churn.onnx"})


def _form(fields: Mapping[str, str]) -> dict[str, Any]:
    parts = [
        {"key": name, "type": "file", "src": value} if name == "file" else {"key": name, "type": "text", "value": value}
        for name, value in fields.items()
    ]
    return {"mode": "formdata", "formdata": parts}


def _raw(body: Any) -> dict[str, Any]:
    options = {"raw": {"language": "json"}}
    return {"mode": "raw", "raw": json.dumps(body, indent=2, ensure_ascii=False), "options": options}


def _headers(values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": name, "value": value} for name, value in values.items()]


def _url(path: str, query: list[dict[str, Any]]) -> dict[str, Any]:
    raw = "{{URL}}" + path + ("?" + "&".join(f"{each['key']}={each['value']}" for each in query) if query else "")
    return {"raw": raw, "host": ["{{URL}}"], "path": path.strip("/").split("/")} | ({"query": query} if query else {})


def _example(parameter: Mapping[str, Any]) -> str:
    entry = parameter["example"] if "example" in parameter else parameter["examples"]["Example"]["value"]
    return str(entry)


def _variables(text: str) -> str:
    return re.sub(r"\$(\w+)", r"{{\1}}", text)
