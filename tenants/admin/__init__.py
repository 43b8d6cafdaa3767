"""The admin site's pages for tenants, users, tokens for machines and the request log."""

from tenants.admin import machine_tokens, request_log, tenants, users

__all__ = ["machine_tokens", "request_log", "tenants", "users"]
