"""The ledger of all tenants, read-only."""

from django.contrib import admin

from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.lists import TenantFilter, tenant_column
from tenants.models import Event


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Events with their authors and subjects. Those of no tenant tell of tenants and superusers."""

    list_display = ("time", "type", "item_name", "version", "actor_name", tenant_column, "sequence")
    list_filter = (TenantFilter,)
    search_fields = ("type", "item_name", "actor_name")
    search_help_text = "Search by type, name or username"
    ordering = ("-id",)
    fields = (
        "time",
        "tenant_id",
        "type",
        "actor_name",
        "item_kind",
        "item_name",
        "item_id",
        "version",
        "changes",
        "reason",
        "sequence",
        "hash",
    )
    readonly_fields = fields

    @admin.display(description="Time (UTC)", ordering="timestamp")
    def time(self, event: Event) -> str:
        return f"{event.timestamp:%Y-%m-%d %H:%M:%S}"
