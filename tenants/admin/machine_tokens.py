"""Tokens for machines of all tenants: read-only, except that superusers can revoke them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from tenants.admin.base import ServiceAdmin
from tenants.admin.lists import TenantFilter, created_column, short, tenant_column
from tenants.identity.machine_tokens import revoke_token
from tenants.models import MachineToken


@admin.register(MachineToken)
class MachineTokenAdmin(ServiceAdmin):
    """Tokens with their users, scopes and last use, never their secrets."""

    list_display = ("name", "owner_shown", tenant_column, "scopes_shown", "ends", "used", created_column)
    list_filter = (TenantFilter,)
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")
    search_help_text = "Search by name or username"
    ordering = ("-id",)
    fields = ("name", "owner_shown", "tenant_shown", "scopes_shown", "ends", "used", "created")
    readonly_fields = fields

    @admin.display(description="User")
    def owner_shown(self, token: MachineToken) -> str:
        return token.owner.username

    @admin.display(description="Tenant")
    def tenant_shown(self, token: MachineToken) -> str:
        return token.tenant_id

    @admin.display(description="Scopes")
    def scopes_shown(self, token: MachineToken) -> str:
        return ", ".join(token.scopes)

    @admin.display(description="Expires", ordering="expires")
    def ends(self, token: MachineToken) -> str:
        return short(token.expires) if token.expires else "Never"

    @admin.display(description="Last used", ordering="last_used")
    def used(self, token: MachineToken) -> str:
        return f"{token.last_used:%Y-%m-%d} from {token.last_address}" if token.last_used else "Never"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: MachineToken) -> None:
        revoke_token(token=obj, by=request.user)  # type: ignore[arg-type]
        self.note_deletion(request, obj)
