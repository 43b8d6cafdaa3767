"""The route that compares items and versions."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import router
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.aliases.viewsets import has_scope
from catalog.compare.columns import Column, Source, kind_in
from catalog.compare.documentation import ANSWERS
from catalog.compare.fields import Compared, matrix_of, names_for, needs, refuse_many_folders, rows_of
from catalog.compare.formats import FORMATS, Format, file_of
from catalog.compare.parameters import fields_in, listed
from catalog.models import KINDS, Item
from catalog.words import TellsReplaced
from tenants.rest.collections import CollectionViewSet
from tenants.rest.exports import export_form
from tenants.rest.permissions import USERS, refuse_outside_scope
from tenants.rest.querying.bounded import bounded_search
from tenants.rest.querying.fields import query_error
from tenants.rest.querying.query import one_of
from tenants.rest.querying.words import columns_in_words

FLAGS = {"": False, "false": False, "true": True, "on": True}  # `on` is a form's checkbox
PARAMETERS = ("ids", "kind", "filter", "sort", "by", "fields", "diff", "format")
GROUPINGS = ("", "item", "version")


class CompareViewSet(TellsReplaced, CollectionViewSet):
    """Compares items and versions that the caller may read."""

    collection = "compare"
    group = "compare"
    model = Item
    roles: ClassVar = {"compare": USERS}
    scopes: ClassVar = {"compare": tuple(f"{kind}s:read" for kind in KINDS)}
    parameters: ClassVar = {"compare": tuple(f"compare.{name}" for name in PARAMETERS)}
    answers: ClassVar = {"compare": ANSWERS}

    def compare(self, request: Request, **kwargs: Any) -> Response | HttpResponse:
        """Return a row for each field, with a value for each item or version."""
        form, only_differences = self.form(), one_of(request, "diff", tuple(FLAGS))
        with bounded_search(router.db_for_read(Item)):
            data = self.matrix(FLAGS[only_differences])
        return file_of(data, form) if form else Response(data)

    def form(self) -> Format | None:
        """Return the form that `format` names, or that `Accept` prefers to JSON. Raises Refused for any other."""
        named = one_of(self.request, "format", ("", "json", *FORMATS))
        accepted = export_form(self.request)
        return FORMATS.get(named or (accepted.name if accepted else ""))

    def matrix(self, only_differences: bool) -> dict[str, Any]:
        """Return columns and rows. Raises Http404 for what the caller cannot read, and Refused."""
        wanted, self.replaced = columns_in_words(fields_in(self.request), self.user.tenant_id)
        needed = [needs(name) for name in wanted]
        columns, more = self.columns_for(needed)
        refuse_many_folders(wanted, columns)
        names = names_for(wanted, columns, self.user)
        data = matrix_of(rows_of(wanted, columns, names, self.user), only_differences)
        truncated = {"columns": more, "rows": data.pop("more")}
        return {"columns": [column.to_api() for column in columns]} | data | {"truncated": truncated}

    def columns_for(self, needed: Sequence[Compared]) -> tuple[list[Column], bool]:
        """Return the columns that `ids`, or `kind` and `filter`, determine, and whether some were left out."""
        request, kinds = self.request, [kind for kind in KINDS if has_scope(self.request, f"{kind}s:read")]
        of_items = frozenset(name for each in needed for name in each.of_items)
        of_versions = frozenset(name for each in needed for name in each.of_versions)
        source = Source(self.user, kinds, of_items, of_versions)
        by_version = one_of(request, "by", GROUPINGS) == "version"
        ids, kind = listed(request, "ids"), request.query_params.get("kind", "")
        if ids and kind:
            raise query_error("ids and kind exclude each other")
        if kind:
            refuse_outside_scope(request, self, None, (f"{kind_in(kind)}s:read",))
        columns, more = source.found(request, kind, by_version) if kind else source.named(ids, by_version)
        return source.with_newest(columns) if any(each.newest for each in needed) else columns, more
