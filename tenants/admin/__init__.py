"""The admin site's pages for tenants, users, the ledger and the request log."""

from tenants.admin import events, request_log, tenants, users

__all__ = ["events", "request_log", "tenants", "users"]
