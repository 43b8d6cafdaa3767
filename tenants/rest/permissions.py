"""Permissions: each view declares `roles`, a table from its actions to roles. Any other action is refused."""

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants.exceptions import Refused

ANYONE = frozenset({None, "admin", "regular", "operator"})
USERS = frozenset({"admin", "regular"})
ADMINISTRATORS = frozenset({"admin"})
OPERATOR = frozenset({"operator"})

VERBS = {
    "GET": "restricted_access_read",
    "HEAD": "restricted_access_read",
    "OPTIONS": "restricted_access_read",
    "POST": "restricted_access_create",
    "PUT": "restricted_access_modify",
    "PATCH": "restricted_access_modify",
    "DELETE": "restricted_access_delete",
}


def refusal(method: str | None, details: str) -> Refused:
    """Return the `restricted_access_*` error for the HTTP method."""
    return Refused(VERBS.get(method or "", "restricted_access_modify"), details)


class RoleTablePermission(BasePermission):
    """Allows only the actions that the view's `roles` grants to the caller's role."""

    def has_permission(self, request: Request, view: Any) -> bool:
        action: str | None = getattr(view, "action", None)
        if action is None or action == "metadata":
            raise MethodNotAllowed(request.method or "")
        roles: dict[str, frozenset[Any]] = getattr(view, "roles", {})
        allowed = roles.get(action, frozenset())
        role = getattr(request.user, "role", None)
        if role in allowed:
            return True
        if role is None:
            return False
        details = "Your role does not allow this operation"
        only_administrator = allowed == ADMINISTRATORS
        raise Refused("only_administrator", details) if only_administrator else refusal(request.method, details)
