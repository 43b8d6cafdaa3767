"""Columns, filters and pagination of admin lists, at a bounded cost for any number of rows."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from tenants.models import Tenant
from tenants.rest.querying.page import ordered_page
from tenants.rows.fields import now

MAX_COUNT = 10_000  # rows that a list counts and pages through; a search finds the others
MAX_CHOICES = 100  # of a filter


class QuickPaginator(Paginator):  # type: ignore[type-arg]
    """Counts at most MAX_COUNT rows, and reads pages as the API does."""

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:MAX_COUNT].count()  # type: ignore[attr-defined]

    @property
    def capped(self) -> bool:
        """Whether there may be more rows than were counted."""
        return self.count == MAX_COUNT

    def page(self, number: Any) -> Page[Any]:
        number = self.validate_number(number)
        objects: Any = self.object_list
        rows = ordered_page(objects, (number - 1) * self.per_page, self.per_page)
        return Page(rows, number, self)


def fact(name: str, description: str) -> Callable[[Any], Any]:
    """Return the list column of a computed value of `facts`."""

    def column(row: Any) -> Any:
        return row.facts[name]

    column.__name__ = name
    return admin.display(column, description=description, empty_value="—")


@admin.display(description="Tenant", ordering="tenant_id", empty_value="—")
def tenant_column(row: Any) -> Any:
    return row.tenant_id


@admin.display(description="Created", ordering="timestamp")
def created_column(row: Any) -> str:
    return short(row.timestamp)


def short(time: datetime) -> str:
    """Return a time in UTC in the format of lists."""
    return f"{time:%Y-%m-%d %H:%M}"


class Filter(admin.SimpleListFilter):
    """A filter by one column, or as `narrow` defines; an unknown value matches nothing."""

    column: ClassVar[str] = ""
    values: ClassVar[Iterable[tuple[str, str]]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return self.values

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None else self.narrow(queryset, value)

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(**{self.column: value})


def choice_filter(name: str, choices: Iterable[str]) -> type[Filter]:
    """Return a filter for a column with a few possible texts."""
    values = [(choice, choice if choice.isupper() else choice.capitalize()) for choice in choices]
    attributes = {"title": name, "parameter_name": name, "column": name, "values": values}
    return type(f"{name.capitalize()}Filter", (Filter,), attributes)


class TenantFilter(Filter):
    """The rows of one tenant; offers the first MAX_CHOICES tenants and the chosen one."""

    title, parameter_name, column = "tenant", "tenant", "tenant_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        ids = list(Tenant.objects.order_by("pk").values_list("pk", flat=True)[:MAX_CHOICES])
        chosen = request.GET.get(self.parameter_name)
        return [(id, id) for id in (ids if chosen is None or chosen in ids else [chosen, *ids])]


PERIODS = {
    "hour": ("Last hour", 1),
    "day": ("Last day", 24),
    "week": ("Last 7 days", 168),
    "month": ("Last 30 days", 720),
}


class PeriodFilter(Filter):
    """The rows of a recent period."""

    title, parameter_name, column = "date", "date", "date__gte"
    values = [(key, label) for key, (label, _) in PERIODS.items()]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value not in PERIODS:
            return queryset.none()
        return queryset.filter(**{self.column: now() - timedelta(hours=PERIODS[value][1])})
