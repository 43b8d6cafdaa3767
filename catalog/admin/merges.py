"""The merges and renames of words of all tenants, which can be undone for a while."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.merges.models import KEPT, Merge
from catalog.merges.undo import undo_merge
from tenants.admin.base import ReadOnlyAdmin, actor
from tenants.admin.lists import TenantFilter, created_column, tenant_column
from tenants.exceptions import Refused
from tenants.rows.fields import now


@admin.register(Merge)
class MergeAdmin(ReadOnlyAdmin):
    """Words that became others, the newest first."""

    list_display = ("word", "into", "kind", "items", tenant_column, created_column, "state_shown")
    list_filter = (TenantFilter,)
    search_fields = ("word", "into")
    search_help_text = "Search by a part of the word"
    ordering = ("-id",)
    fields: ClassVar = ("word", "into", "kind", "items", "tenant_id", "created", "state_shown")
    readonly_fields = fields
    actions = ("undo",)

    @admin.display(description="State")
    def state_shown(self, merge: Merge) -> str:
        if merge.undone:
            return "Undone"
        if not merge.event:
            return "Interrupted: merge again to finish"
        return "Can be undone" if merge.timestamp > now() - KEPT else "Final"

    @admin.action(description="Undo")
    def undo(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Undo the chosen merges, the newest first. One that is refused is reported and does not stop the others."""
        done = 0
        for merge in queryset.order_by("-timestamp", "-pk"):
            try:
                undo_merge(event_id=merge.event, by=actor(request, merge.tenant_id))
            except Refused as refused:
                self.message_user(request, f"{merge}: {refused.details}", messages.ERROR)
                continue
            done += 1
            self.log_change(request, merge, "Undone")
        self.message_user(request, f"Undone: {done}", messages.SUCCESS if done else messages.WARNING)
