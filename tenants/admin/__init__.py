"""The admin site's pages on tenants, their users and the log of requests."""

from tenants.admin import request_log, tenants, users

__all__ = ["request_log", "tenants", "users"]
