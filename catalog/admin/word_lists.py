"""Lists of words by how many items use them."""

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Page
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from catalog.arrays import count_uses
from tenants.admin.lists import MAX_COUNT, Filter, QuickPaginator


class ByUse(QuickPaginator):
    """Pages of the first MAX_COUNT words, the most used first. It counts the uses of all of them in one query."""

    @cached_property
    def rows(self) -> list[Any]:
        queryset: Any = self.object_list
        rows = list(queryset[:MAX_COUNT])
        counts = count_uses(rows)
        return self.chosen(sorted(rows, key=lambda row: (-counts[row.pk], row.name, row.pk)), counts)

    def chosen(self, rows: list[Any], counts: dict[str, int]) -> list[Any]:
        return rows

    @cached_property
    def count(self) -> int:
        return len(self.rows)

    def page(self, number: Any) -> Page[Any]:
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        return Page(self.rows[start : start + self.per_page], number, self)


class Unused(ByUse):
    """Pages of the words that no item uses."""

    def chosen(self, rows: list[Any], counts: dict[str, int]) -> list[Any]:
        return [row for row in rows if not counts[row.pk]]


class WordList(ChangeList):
    """The list of words. Django reads a single page from the query itself, which is not sorted by uses."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if isinstance(self.paginator, ByUse):
            start = (self.page_num - 1) * self.list_per_page
            self.result_list = self.paginator.rows[start : start + self.list_per_page]


PAGINATORS = {"most": ByUse, "none": Unused}


class UseFilter(Filter):
    """Sorts words by their uses, or keeps the unused; the paginator does it, because uses are no column."""

    title, parameter_name = "uses", "uses"
    values = (("most", "Most used first"), ("none", "Unused"))

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset if value in PAGINATORS else queryset.none()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return self.values
