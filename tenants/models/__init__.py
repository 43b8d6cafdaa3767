"""Tenants, their users, what logins leave behind, and the log of requests."""

from tenants.models.log import RequestLog
from tenants.models.logins import FailedAttempt, OutgoingMail, PasswordReset
from tenants.models.tenants import GATES, Gate, Tenant
from tenants.models.users import ROLES, User, UserManager, UserQuerySet, users_named

__all__ = [
    "GATES",
    "ROLES",
    "FailedAttempt",
    "Gate",
    "OutgoingMail",
    "PasswordReset",
    "RequestLog",
    "Tenant",
    "User",
    "UserManager",
    "UserQuerySet",
    "users_named",
]
