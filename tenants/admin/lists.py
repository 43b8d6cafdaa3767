"""What lists of the admin site are made of: columns, filters, and pages that cost little for any number of rows."""

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

COUNTED = 10_000  # rows that a list counts and pages through; a search finds the others
OFFERED = 100  # choices of a filter


class QuickPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than anybody pages, and reads pages as the API does."""

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:COUNTED].count()  # type: ignore[attr-defined]

    @property
    def capped(self) -> bool:
        """Whether there may be more rows than were counted."""
        return self.count == COUNTED

    def page(self, number: Any) -> Page[Any]:
        number = self.validate_number(number)
        objects: Any = self.object_list
        rows = ordered_page(objects, (number - 1) * self.per_page, self.per_page)
        return Page(rows, number, self)


def fact(name: str, description: str) -> Callable[[Any], Any]:
    """Return the column of what `facts` tells under that name."""

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
    """Return a time as a list shows it, in UTC."""
    return f"{time:%Y-%m-%d %H:%M}"


class Filter(admin.SimpleListFilter):
    """A filter by one column, or by what `narrow` makes of the chosen value; an unknown value finds nothing."""

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
    """Return the filter of a column that has one of a few texts."""
    values = [(choice, choice if choice.isupper() else choice.capitalize()) for choice in choices]
    attributes = {"title": name, "parameter_name": name, "column": name, "values": values}
    return type(f"{name.capitalize()}Filter", (Filter,), attributes)


class TenantFilter(Filter):
    """The rows of one tenant; of very many tenants only the first are offered, and the one that was chosen."""

    title, parameter_name, column = "tenant", "tenant", "tenant_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        ids = list(Tenant.objects.order_by("pk").values_list("pk", flat=True)[:OFFERED])
        chosen = request.GET.get(self.parameter_name)
        return [(id, id) for id in (ids if chosen is None or chosen in ids else [chosen, *ids])]


PERIODS = {
    "hour": ("Last hour", 1),
    "day": ("Last day", 24),
    "week": ("Last 7 days", 168),
    "month": ("Last 30 days", 720),
}


class PeriodFilter(Filter):
    """The rows since some time ago."""

    title, parameter_name, column = "date", "date", "date__gte"
    values = [(key, label) for key, (label, _) in PERIODS.items()]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value not in PERIODS:
            return queryset.none()
        return queryset.filter(**{self.column: now() - timedelta(hours=PERIODS[value][1])})
