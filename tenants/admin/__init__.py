"""The admin site's pages for tenants, users and the request log."""

from tenants.admin import request_log, tenants, users

__all__ = ["request_log", "tenants", "users"]
