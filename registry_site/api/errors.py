"""The error table, and the functions that turn exceptions into error responses."""

import errno
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils.cache import patch_vary_headers
from pymongo.errors import PyMongoError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from registry_site.pages.site import error_page
from tenants.exceptions import Refused
from tenants.rest.collections import explain
from tenants.rest.negotiation import JSONRenderer, reads_pages
from tenants.rest.permissions import VERBS
from tenants.rows.transactions import is_disk_full
from versions.storage import TooLarge

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Error:
    """A row of the error table: HTTP status, number and message."""

    status: int
    value: int
    message: str

    def answer(self, details: str) -> dict[str, Any]:
        """Return the body of a response. Lone surrogates from a client's input are escaped."""
        details = details.encode(errors="backslashreplace").decode()
        return {"status": self.status, "value": self.value, "message": self.message, "details": details}


ERRORS = {
    "internal_server_error": Error(500, 0, "Internal server error"),
    "generic_upload_error": Error(500, 1, "Upload error"),
    "generic_download_error": Error(500, 2, "Download error"),
    "authentication_error": Error(401, 3, "Authentication error"),
    "generic_request_error": Error(400, 4, "The request has errors"),
    "post_request_error": Error(400, 5, "Resource not created"),
    "get_request_error": Error(400, 6, "Search request error"),
    "delete_request_error": Error(400, 7, "Delete request error"),
    "put_request_error": Error(400, 8, "Modify request error"),
    "resource_not_found": Error(404, 9, "Resource Not found"),
    "restricted_access_read": Error(403, 10, "You cannot read this resource"),
    "restricted_access_create": Error(403, 11, "You cannot create a new resource"),
    "restricted_access_modify": Error(403, 12, "You cannot modify this resource"),
    "restricted_access_delete": Error(403, 13, "You cannot delete this resource"),
    "incorrect_info": Error(400, 14, "Please, the body information is missing valid fields"),
    "demo_tenant_required": Error(403, 15, "Demo routes only work in the demo tenant"),
    "missing_info": Error(400, 16, "Please, the request body is empty"),
    "reset_invalid": Error(403, 17, "The reset password request is not valid"),
    "only_administrator": Error(403, 18, "Only administrators can do this operation"),
    "method_not_allowed": Error(405, 19, "Method not allowed"),
    "payload_too_large": Error(413, 20, "The request is too large"),
    "unsupported_media_type": Error(415, 21, "Unsupported media type"),
    "too_many_requests": Error(429, 22, "Too many requests"),
    "insufficient_storage": Error(507, 23, "Insufficient storage"),
    "upload_offset": Error(409, 31, "The upload is at another offset"),
    "upload_locked": Error(423, 32, "Another request is sending this upload"),
    "checksum_mismatch": Error(460, 33, "The checksum does not match"),
    "tus_version": Error(412, 34, "This version of the tus protocol is not supported"),
    "missing_email": Error(400, 27, "Please, specify the user email"),
}

METHODS = {
    "GET": "get_request_error",
    "HEAD": "get_request_error",
    "POST": "post_request_error",
    "PUT": "put_request_error",
    "PATCH": "put_request_error",
    "DELETE": "delete_request_error",
}

# The first matching row applies. None: the name depends on the method.
KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str | None], ...] = (
    ((exceptions.NotAuthenticated, exceptions.AuthenticationFailed), "authentication_error"),
    ((exceptions.NotFound, Http404), "resource_not_found"),
    (exceptions.MethodNotAllowed, "method_not_allowed"),
    (exceptions.UnsupportedMediaType, "unsupported_media_type"),
    (exceptions.NotAcceptable, "generic_request_error"),
    (exceptions.Throttled, "too_many_requests"),
    (exceptions.ParseError, "generic_request_error"),
    (exceptions.ValidationError, None),
    ((RequestDataTooBig, TooLarge), "payload_too_large"),
    ((SuspiciousOperation, UnreadablePostError), "generic_request_error"),
)
# Errors of the routes of versions if the storage fails, by method.
STORAGE_ERRORS = {
    "GET": "generic_download_error",
    "HEAD": "generic_download_error",
    "POST": "generic_upload_error",
    "PUT": "generic_upload_error",
    "PATCH": "generic_upload_error",
}
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def error_name(error: Exception, method: str) -> str | None:
    """Return the name of an exception in the error table, or None for an unexpected one."""
    if isinstance(error, Refused):
        return error.name
    if isinstance(error, exceptions.PermissionDenied | PermissionDenied):
        return VERBS.get(method, "restricted_access_modify")
    if isinstance(error, OSError) and error.errno in DISK_FULL or is_disk_full(error):
        return "insufficient_storage"
    for kinds, name in KINDS:
        if isinstance(error, kinds):
            return name or METHODS.get(method, "generic_request_error")
    return None


def exception_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the error response for a view's exception. Unexpected ones go to Django, which calls `server_error`."""
    method = context["request"].method or ""
    name = error_name(error, method)
    if name is None and isinstance(error, OSError) and getattr(context["view"], "group", "") in ("versions", "uploads"):
        name = STORAGE_ERRORS.get(method)
    if name is None:
        return None
    if isinstance(error, OSError | DatabaseError | PyMongoError):
        logger.error("%s: %s", name, error)  # the message may contain paths, so the caller does not get it
        error = Refused(name, ERRORS[name].message)
    row = ERRORS[name]
    status = getattr(error, "status", None)
    row = replace(row, status=status) if status else row
    if not isinstance(error, exceptions.APIException):
        error = Refused(name, str(error) or row.message)
    details = explain(error)
    error.status_code = row.status
    response = exception_handler(error, context)
    if response is not None:
        response.data = row.answer(details)
        for header, value in getattr(error, "headers", {}).items():
            response[header] = value
    return response


def error_response(request: HttpRequest, name: str, details: str) -> HttpResponse:
    """Return an error response outside the API's views; browsers get a page."""
    row = ERRORS[name]
    if reads_pages(request):
        response = error_page(request, row.answer(details), crashed=row.status == 500)
    else:
        response = HttpResponse(JSONRenderer().render(row.answer(details)), "application/json", row.status)
    patch_vary_headers(response, ("Accept",))
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 404 for a route that does not exist."""
    return error_response(request, "resource_not_found", f"No such route: {request.path}")


def method_not_allowed(request: HttpRequest, allowed: Sequence[str]) -> HttpResponse:
    """Return 405 for a method that a page does not support."""
    response = error_response(request, "method_not_allowed", f'Method "{request.method}" not allowed.')
    response["Allow"] = ", ".join(allowed)
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 400 for a request that Django cannot parse."""
    return error_response(request, "generic_request_error", type(exception).__name__)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 403 for a request that a view outside the API refuses."""
    return error_response(request, VERBS.get(request.method or "", "restricted_access_modify"), "You have no access")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return 403 for a form without a valid CSRF token."""
    details = "This page has expired. Go back, reload it and try again"
    return error_response(request, VERBS.get(request.method or "", "restricted_access_modify"), details)


def server_error(request: HttpRequest) -> HttpResponse:
    """Return 500 without details of the error, which the server's log contains."""
    details = "Internal error. The operator can find the reason in the server's log"
    return error_response(request, "internal_server_error", details)
