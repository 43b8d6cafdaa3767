"""Tenants, their users, what logins leave behind, and the log of requests."""

from tenants.models.log import RequestLog
from tenants.models.logins import FailedAttempt, OutgoingMail, PasswordReset
from tenants.models.tenants import FENCES, Fence, Tenant
from tenants.models.users import ROLES, User, UserManager, UserQuerySet, users_named

__all__ = [
    "FENCES",
    "ROLES",
    "FailedAttempt",
    "Fence",
    "OutgoingMail",
    "PasswordReset",
    "RequestLog",
    "Tenant",
    "User",
    "UserManager",
    "UserQuerySet",
    "users_named",
]
