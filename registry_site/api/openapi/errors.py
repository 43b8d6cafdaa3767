"""The error responses of each operation by status, with examples."""

from collections.abc import Iterator
from typing import Any

from registry_site.api.errors import ERRORS
from tenants.rest.permissions import ADMINISTRATORS, ANYONE, OPERATOR, VERBS

BODY = ("generic_request_error", "payload_too_large", "unsupported_media_type")
JSON_BODY = ("missing_info", *BODY)
CREATION, CHANGE = (*JSON_BODY, "post_request_error"), (*JSON_BODY, "put_request_error", "incorrect_info")
FILE = ("post_request_error", "payload_too_large", "generic_upload_error", "insufficient_storage")
TUS = ("tus_version", "upload_offset", "upload_locked")
RESET = (*JSON_BODY, "too_many_requests")
# Action -> possible errors, apart from those of authentication, permissions and missing resources.
COLLECTIONS: dict[str, tuple[str, ...]] = {
    "list": ("get_request_error",),
    "retrieve": ("get_request_error",),
    "create": CREATION,
    "update": CHANGE,
    "destroy": ("delete_request_error",),
}
VERSIONS = {
    "list": ("get_request_error",),
    "create": (*FILE, "generic_request_error", "unsupported_media_type"),
    "stream": FILE,
    "change": CHANGE,
    "retrieve": ("get_request_error", "generic_download_error"),
    "destroy": ("delete_request_error",),
    "file": ("get_request_error", "generic_download_error"),
    **dict.fromkeys(("files", "info", "diff"), ("get_request_error",)),
}
ALIASES = {
    "list": ("get_request_error",),
    "retrieve": ("get_request_error",),
    "update": CHANGE,
    "destroy": ("delete_request_error",),
}
DECISION = (*JSON_BODY, "post_request_error")
PROPOSALS = {
    "list": ("get_request_error",),
    "retrieve": ("get_request_error",),
    "create": CREATION,
    **dict.fromkeys(("approve", "reject", "withdraw"), DECISION),
}
PARTS = {
    "/proposals": PROPOSALS,
    "/aliases": ALIASES,
    "/versions": VERSIONS,
    "": COLLECTIONS,
}  # the first part that a path has applies
SINGLES: dict[str, tuple[str, ...]] = {
    "listUploads": ("get_request_error",),
    "getUpload": ("post_request_error", *TUS),
    "createUpload": (*FILE, *TUS, "checksum_mismatch", "restricted_access_modify", "resource_not_found"),
    "sendUpload": (*FILE, *TUS, "put_request_error", "checksum_mismatch", "restricted_access_modify", *BODY),
    "deleteUpload": TUS,
    "login": (*BODY, "post_request_error", "authentication_error", "too_many_requests"),
    "renewToken": ("authentication_error",),
    "requestPasswordReset": (*RESET, "post_request_error", "missing_email"),
    "resetPassword": (*RESET, "put_request_error", "reset_invalid"),
    "listRequests": ("get_request_error",),
    "compare": ("get_request_error", "restricted_access_read", "resource_not_found"),
    **dict.fromkeys(("listDuplicateTags", "listDuplicateMetadataNames"), ("get_request_error",)),
    **dict.fromkeys(("dismissDuplicateTags", "dismissDuplicateMetadataNames"), DECISION),
    **dict.fromkeys(("suggestTags", "suggestMetadataNames"), ("get_request_error",)),
    "listAliasHolders": ("get_request_error",),
    **dict.fromkeys(("previewTagMerge", "previewMetadataNameMerge"), ("get_request_error",)),
    **dict.fromkeys(("mergeTag", "mergeMetadataName"), (*JSON_BODY, "post_request_error", "put_request_error")),
    "undoEvent": ("put_request_error",),
    "listTenantIds": ("get_request_error", "restricted_access_read"),
    "listDemo": ("demo_tenant_required",),
    "createDemo": ("demo_tenant_required", "post_request_error"),
    "deleteDemo": ("demo_tenant_required", "delete_request_error"),
}
# Where HTTP requires statuses other than the table's, by part of the path.
STATUSES: dict[str, dict[tuple[str, str], tuple[int, ...]]] = {
    "/versions/": {(action, "get_request_error"): (400, 412, 416) for action in ("retrieve", "file")},
    "/aliases/": {("update", "put_request_error"): (400, 412), ("destroy", "delete_request_error"): (412,)},
}
HEADERS = {
    "401": {"WWW-Authenticate": "The authentication scheme of the missing or refused token"},
    "412": {"ETag": "The present ETag"},
    "416": {"Content-Range": "The size of the file in bytes"},
    "429": {"Retry-After": "Seconds to wait"},
}
TUS_HEADERS = {"Tus-Version": "The versions of the protocol that the registry knows"}
DETAILS = {
    "authentication_error": "The token is not valid or has expired",
    "generic_request_error": "The body is not valid JSON: Expecting value: line 1 column 1 (char 0)",
    "incorrect_info": "Fields that can be changed: tags, metadata",
    "missing_info": "The request needs a JSON object as its body",
    "post_request_error": "Path `name` is required",
    "put_request_error": "Request field cannot be updated (owner)",
    "get_request_error": "Unknown field colour",
    "resource_not_found": "No such resource: 66a1f0c2b7d94e3f8a5c1d20",
}


def error_answers(view: Any, method: str, path: str, id: str) -> dict[str, Any]:
    """Return the error responses of an operation by status, in OpenAPI's format."""
    by_status: dict[str, list[str]] = {}
    for name in dict.fromkeys(_names(view, method, path, id)):
        own = next((statuses for part, statuses in STATUSES.items() if part in path), {})
        for status in own.get((view.action, name), (ERRORS[name].status,)):
            by_status.setdefault(str(status), []).append(name)
    return {status: _answer(status, by_status[status]) for status in sorted(by_status)}


def _names(view: Any, method: str, path: str, id: str) -> Iterator[str]:
    roles, of_part = view.roles[view.action], next(errors for part, errors in PARTS.items() if part in path)
    yield from SINGLES.get(id) or of_part.get(view.action, ())
    if roles != ANYONE:
        yield "authentication_error"
    if roles == OPERATOR:
        yield "too_many_requests"
    if roles == ADMINISTRATORS:
        yield "only_administrator"
    if hasattr(view, "kind") and "{" in path:
        yield VERBS[method if method == "GET" else view.change_method or method]
    if "{" in path:
        yield "resource_not_found"


def _answer(status: str, names: list[str]) -> dict[str, Any]:
    """Return the description of the errors of one status. The schema permits only these errors."""
    rows = {name: ERRORS[name] for name in names}
    own = {"status": {"const": int(status)}, "value": {"enum": [row.value for row in rows.values()]}}
    schema = {"allOf": [{"$ref": "#/components/schemas/ErrorAnswer"}, {"type": "object", "properties": own}]}
    examples = {
        name: {"value": row.answer(DETAILS.get(name, row.message)) | {"status": int(status)}}
        for name, row in rows.items()
    }
    answer = {
        "description": "; ".join(f"`{name}`: {row.message}" for name, row in rows.items()),
        "content": {"application/json": {"schema": schema, "examples": examples}},
    }
    told = TUS_HEADERS if "tus_version" in names else HEADERS.get(status, {})
    headers = {
        name: {"description": text, "required": True, "schema": {"type": "string"}} for name, text in told.items()
    }
    return {"headers": headers} | answer if headers else answer
