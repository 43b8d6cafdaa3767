"""Tables of tenants and users, of failed logins and reset links, of the ledger and the request log."""

from tenants.models.ledger import INSTALLATION, Chain, Event
from tenants.models.log import RequestLog
from tenants.models.logins import FailedAttempt, OutgoingMail, PasswordReset
from tenants.models.tenants import (
    FENCES,
    ROLES,
    Fence,
    Tenant,
    TenantQuerySet,
    User,
    UserManager,
    UserQuerySet,
    users_named,
)
from tenants.models.tokens import MachineToken

__all__ = [
    "FENCES",
    "INSTALLATION",
    "ROLES",
    "Chain",
    "Event",
    "FailedAttempt",
    "Fence",
    "MachineToken",
    "OutgoingMail",
    "PasswordReset",
    "RequestLog",
    "Tenant",
    "TenantQuerySet",
    "User",
    "UserManager",
    "UserQuerySet",
    "users_named",
]
