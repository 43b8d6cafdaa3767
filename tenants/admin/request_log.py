"""The request log of all tenants, read-only."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.lists import MAX_CHOICES, Filter, PeriodFilter, TenantFilter, choice_filter, tenant_column
from tenants.models import RequestLog, User

URL_WIDTH = 40  # characters of a URL in a list
OUTCOMES = {"done": ("Done", 200, 399), "refused": ("Refused", 400, 499), "failed": ("Failed", 500, 599)}


class OutcomeFilter(Filter):
    """Requests by the class of their status."""

    title, parameter_name = "status", "status"
    values = [(key, f"{label} ({first} to {last})") for key, (label, first, last) in OUTCOMES.items()]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value not in OUTCOMES:
            return queryset.none()
        _, first, last = OUTCOMES[value]
        return queryset.filter(status__gte=first, status__lte=last)


class UserFilter(Filter):
    """Requests of one user; offers the users of the chosen tenant."""

    title, parameter_name, column = "user", "user", "username"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        chosen = request.GET.getlist(self.parameter_name)[-1:]
        tenant = request.GET.get("tenant")
        users = User.objects.of(tenant) if tenant else User.objects.none()
        names = list(users.order_by("username").values_list("username", flat=True)[:MAX_CHOICES])
        return [(name, name) for name in [name for name in chosen if name not in names] + names]


@admin.register(RequestLog)
class RequestLogAdmin(ReadOnlyAdmin):
    """Requests with their callers and results."""

    list_display = ("time", "status", "method", "url_shown", "username", tenant_column, "duration")
    list_filter = (
        PeriodFilter,
        OutcomeFilter,
        choice_filter("method", ("GET", "POST", "PUT", "DELETE")),
        TenantFilter,
        UserFilter,
    )
    search_fields = ("username", "url")
    search_help_text = "Search by username or address"
    ordering = ("-id",)
    fields = ("time", "tenant_shown", "username", "method", "address", "status", "duration", "contents")
    readonly_fields = fields

    @admin.display(description="Time (UTC)", ordering="date")
    def time(self, entry: RequestLog) -> str:
        return f"{entry.date:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="Address")
    def url_shown(self, entry: RequestLog) -> str:
        return entry.url if len(entry.url) <= URL_WIDTH else f"{entry.url[: URL_WIDTH - 1]}…"

    @admin.display(description="Address")
    def address(self, entry: RequestLog) -> str:
        return entry.url

    @admin.display(description="Tenant")
    def tenant_shown(self, entry: RequestLog) -> str | None:
        return entry.tenant_id

    @admin.display(description="Milliseconds", ordering="duration_ms")
    def duration(self, entry: RequestLog) -> str:
        return f"{entry.duration_ms:.1f}"
