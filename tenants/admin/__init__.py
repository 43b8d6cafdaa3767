"""The admin site's pages for tenants, users, tokens for machines, the ledger and the request log."""

from tenants.admin import events, machine_tokens, request_log, tenants, users

__all__ = ["events", "machine_tokens", "request_log", "tenants", "users"]
