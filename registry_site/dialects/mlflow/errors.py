"""MLflow's errors: `{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "…"}`."""

from typing import Any

from rest_framework.response import Response

from registry_site.api.errors import error_name, exception_response
from tenants.exceptions import Refused

INVALID, EXISTS, MISSING = "INVALID_PARAMETER_VALUE", "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"
STATUSES = {INVALID: 400, EXISTS: 400, MISSING: 404}
# Names in the registry's error table -> MLflow's codes; other errors of the client are INVALID_PARAMETER_VALUE.
CODES = {
    "authentication_error": "UNAUTHENTICATED",
    "resource_not_found": MISSING,
    "method_not_allowed": "ENDPOINT_NOT_FOUND",
    "too_many_requests": "REQUEST_LIMIT_EXCEEDED",
    "payload_too_large": "RESOURCE_LIMIT_EXCEEDED",
    "insufficient_storage": "RESOURCE_EXHAUSTED",
    "generic_upload_error": "INTERNAL_ERROR",
    "generic_download_error": "INTERNAL_ERROR",
    **{f"restricted_access_{verb}": "PERMISSION_DENIED" for verb in ("read", "create", "modify", "delete")},
    "only_administrator": "PERMISSION_DENIED",
}


class MLflowError(Exception):
    """An error with one of MLflow's codes."""

    def __init__(self, message: str, code: str = INVALID) -> None:
        super().__init__(message)
        self.code = code


def missing(what: str) -> MLflowError:
    """Return the error of something that does not exist, or that the caller may not read."""
    return MLflowError(what, MISSING)


def error_answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the response for an exception of a view. Unexpected ones go to Django."""
    if isinstance(error, MLflowError):
        return Response({"error_code": error.code, "message": escaped(str(error))}, STATUSES[error.code])
    response = exception_response(error, context)
    if response is not None:
        name = error_name(error, context["request"].method or "") or ""
        message = str(error) if isinstance(error, Refused) else response.data["details"]
        response.data = {"error_code": CODES.get(name, INVALID), "message": escaped(message)}
    return response


def escaped(message: str) -> str:
    """Return the message with lone surrogates of a client's input escaped."""
    return message.encode(errors="backslashreplace").decode()
