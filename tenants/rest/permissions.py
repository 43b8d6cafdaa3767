"""Permissions: each view declares `roles`, a table from its actions to roles. Any other action is refused.

Machine tokens also need a scope (`tenants.rest.scopes`), for every action that requires a login.
"""

from collections.abc import Sequence
from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants.exceptions import Refused
from tenants.rest.scopes import needed_scopes, opens

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


def refuse_outside_scope(request: Request, view: Any, name: str | None = None, needed: Sequence[str] = ()) -> None:
    """Raise Refused if the caller's token has no scope for the view's action, on the resource of this name if given.

    `needed` replaces the scopes that the view declares, each as `kind:access`.
    """
    scopes: Sequence[str] | None = getattr(request.user, "scopes", None)
    if scopes is None:  # a login, or the operator
        return
    needed = needed or needed_scopes(view, request.method or "")
    if not any(opens(scope, need, view, name) for need in needed for scope in scopes):
        lacking = f"The token needs the scope {' or '.join(needed)}" if needed else "Tokens for machines cannot do this"
        raise refusal(request.method, lacking if name is None else f"{lacking} for this name")


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
            if None not in allowed:
                refuse_outside_scope(request, view)
            return True
        if role is None:
            return False
        details = "Your role does not allow this operation"
        only_administrator = allowed == ADMINISTRATORS
        raise Refused("only_administrator", details) if only_administrator else refusal(request.method, details)
