"""What all collections share: permissions, visible rows, lists, bulk creation and partial updates."""

import logging
from collections.abc import Hashable, Iterable, Mapping, MutableSequence, Sequence
from functools import cache, cached_property
from typing import Any, ClassVar, cast

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.db.models import Model, QuerySet
from django.http import Http404, StreamingHttpResponse
from pymongo.errors import PyMongoError
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from tenants.exceptions import Refused
from tenants.models import TenantQuerySet, User
from tenants.rest.exports import export_form, export_response
from tenants.rest.querying.page import list_response
from tenants.rest.querying.query import NEWEST_FIRST, ListQuery, Selection, selection_of
from tenants.rest.querying.search import Search
from tenants.rows.prepared import Rows
from tenants.rows.transactions import is_disk_full, one_transaction
from tenants.rows.visibility import rows_for

logger = logging.getLogger(__name__)

NO_ROOM = "Insufficient storage"
TOGETHER = 50  # elements of a bulk creation in one transaction


@cache
def _checking(serializer: type[Serializer[Any]]) -> Serializer[Any]:
    """Return one instance for all requests. It keeps no state, and creating one takes as long as a validation."""
    return serializer()


def valid_body(serializer: type[Serializer[Any]], body: Any) -> dict[str, Any]:
    """Return the validated fields of a body. Raises Refused (`missing_info`) for an empty one, and ValidationError."""
    if body is None or body == {}:
        raise Refused("missing_info", "The request needs a JSON object as its body")
    return dict(_checking(serializer).run_validation(body))


def valid_changes(serializer: type[Serializer[Any]], body: Any, known: Iterable[str] = ()) -> dict[str, Any]:
    """Return the validated fields of a partial update.

    `known` lists the fields of the resource that cannot be changed. Raises Refused: `missing_info` for an empty body,
    `incorrect_info` if it has no known field, `put_request_error` for a field that cannot be changed.
    """
    changeable = _checking(serializer).fields
    if isinstance(body, Mapping) and body:
        if not any(field in changeable or field in known for field in body):
            raise Refused("incorrect_info", f"Fields that can be changed: {', '.join(changeable)}")
        fixed = [field for field in body if field not in changeable]
        if fixed:
            raise Refused("put_request_error", f"Request field cannot be updated ({fixed[0]})")
    return valid_body(serializer, body)


class CollectionViewSet(GenericViewSet[Any]):
    """A collection of a tenant's resources. Only the actions in `roles` are allowed.

    Subclasses set `collection` (the key of bulk answers), `model`, `query_fields` (the fields that lists can be
    filtered and sorted by), `facets` (the fields whose values can be counted, with their columns), `default_sort`,
    `input_class` (the serializer for creation) and `lookup_fields` (the fields that an id in the URL can match, tried
    in order), and define `create_one` and `to_api_page`.
    """

    collection: ClassVar[str]
    model: ClassVar[type[Model]]
    roles: ClassVar[dict[str, frozenset[Any]]] = {}
    query_fields: ClassVar[dict[str, str]] = {}
    facets: ClassVar[dict[str, str]] = {}
    default_sort: ClassVar[str] = NEWEST_FIRST
    input_class: ClassVar[type[Serializer[Any]]]
    answer_class: ClassVar[type[Serializer[Any]]]
    parameters: ClassVar[dict[str, tuple[str, ...]]] = {"create": ("verbose",), "retrieve": ("select",)}
    lookup_fields: ClassVar[tuple[str, ...]] = ("pk",)
    lookup_value_regex = "[^/]+"
    by_edition: ClassVar[bool] = False  # whether totals of lists depend on the edition of the tenant's items
    creates_together: ClassVar[bool] = False  # whether elements of a bulk creation share transactions

    user: User  # the caller, in views that require a login

    def perform_authentication(self, request: Request) -> None:
        self.user = cast(User, request.user)

    @classmethod
    def visible_to(cls, user: User) -> Any:
        """Return the rows that a user may read."""
        rows: TenantQuerySet[Any] = cls.model._default_manager.all()  # type: ignore[assignment]
        return rows.visible_to(user)

    def get_queryset(self) -> Any:
        """Return the rows that the caller may read. If a view overrides this, its lists are not prepared."""
        return self.visible_to(self.user)

    @property
    def rows(self) -> Rows:
        """The rows of `get_queryset` for prepared queries."""
        if type(self).get_queryset is not CollectionViewSet.get_queryset:
            return Rows.of(self.get_queryset())
        return rows_for(self.model, self.visible_to, self.user)

    def get_object(self) -> Any:
        """Return the resource that the URL names. Raises Http404 if the caller can read none with this id."""
        key = self.kwargs[self.lookup_field]
        for field in self.lookup_fields:
            found = self.get_readable(field, key)
            if found is not None:
                return found
        raise Http404(f"No such resource: {key}")

    def get_readable(self, field: str, key: str) -> Any:
        return next(iter(Search(self.rows).where(field, key)), None)

    def get_query_fields(self) -> dict[str, str]:
        """Return the fields that the caller can filter and sort by."""
        return self.query_fields

    @cached_property
    def selection(self) -> Selection | None:
        """The fields that the caller selected, or None for all. Raises Refused for too many names."""
        return selection_of(self.request)

    def get_serializer_class(self) -> type[Serializer[Any]]:
        return self.input_class

    def to_api_page(self, rows: Sequence[Any]) -> Sequence[dict[str, Any]]:
        """Return the documents of the rows. The number of queries does not depend on the number of rows."""
        return [row.to_api() for row in rows]

    def is_selected(self, field: str) -> bool:
        """Tell whether the answer includes the field, or a part of it."""
        return self.selection is None or self.selection.includes(field)

    def totals_key(self, edition: int | None) -> Hashable:
        """Return the key that a list's total is cached under, or None. A list `by_edition` gets the edition if read."""
        return None

    def answer(self, row: Any) -> Response:
        """Return the response with one resource, reduced to the selected fields."""
        document = self.to_api_page([row])[0]
        return Response(self.selection.pick(document) if self.selection else document)

    def get_values(self) -> QuerySet[Any] | None:
        """Return the values of metadata that the list can be sorted by, or None (see `querying.by_value`)."""
        return None

    def document_fields(self) -> Sequence[str]:
        """Return the names of the fields of the documents that the caller reads, in their order."""
        answer: Any = getattr(self, "answers", {}).get("list") or self.answer_class
        return [name for name, field in answer().fields.items() if field.required]

    def columns(self) -> tuple[str, ...] | None:
        """Return the columns that `to_api_page` needs, which then gets named tuples, or None for instances."""
        return None

    def list(self, request: Request, **kwargs: Any) -> Response | StreamingHttpResponse:
        """Return the page of the rows that the query parameters ask for, or all rows as CSV or NDJSON."""
        query = ListQuery.of(self.request, self.get_query_fields(), self.default_sort, self.selection)
        if form := export_form(request):
            return export_response(form, query, self)
        edition_in = query.tenant_id if self.by_edition else None
        read = (query, self.rows, self.to_api_page, self.totals_key, self.columns())
        return list_response(*read, edition_in=edition_in, values=self.get_values)

    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        return self.answer(self.get_object())

    def create(self, request: Request, **kwargs: Any) -> Response:
        if isinstance(request.data, list):
            return self.create_each(request.data)
        return self.answer(self.create_one(valid_body(self.input_class, request.data)))

    def create_one(self, body: dict[str, Any]) -> Any:
        raise NotImplementedError

    def create_each(self, bodies: Sequence[Any]) -> Response:
        """Create each element. One that fails is reported by index and does not affect the others.

        A full disk is reported the same way, unless nothing was created before: then the whole request fails.
        """
        if len(bodies) > settings.MAX_BULK_LENGTH:
            raise Refused("payload_too_large", f"A list has at most {settings.MAX_BULK_LENGTH} elements")
        created: MutableSequence[Any] = []
        errors: MutableSequence[str] = []
        for start in range(0, len(bodies), TOGETHER):
            some = bodies[start : start + TOGETHER]
            together = self.create_together(some) if self.creates_together and len(some) > 1 else None
            if together is None:
                self.create_alone(some, start, created, errors)
            created.extend(together or ())
        status = 202 if errors else 200
        if self.request.query_params.get("verbose") == "false":
            return Response({"saved": len(created), "errors": len(errors), "Indexes": errors}, status)
        return Response({self.collection: self.to_api_page(created), "errors": errors}, status)

    def create_together(self, bodies: Sequence[Any]) -> Sequence[Any] | None:
        """Create elements in one transaction; return None, with none created, if any fails."""
        try:
            with one_transaction():
                return [self.create_one(valid_body(self.input_class, body)) for body in bodies]
        except (APIException, RequestDataTooBig, DatabaseError, PyMongoError):
            return None

    def create_alone(
        self, bodies: Sequence[Any], start: int, created: MutableSequence[Any], errors: MutableSequence[str]
    ) -> None:
        """Create each element in its own transaction; append to `created` and `errors`."""
        for index, body in enumerate(bodies, start):
            try:
                created.append(self.create_one(valid_body(self.input_class, body)))
            except (APIException, RequestDataTooBig) as error:
                errors.append(f"Index: {index} ({explain(error)})")
            except (DatabaseError, PyMongoError) as error:
                if not (created and is_disk_full(error)):
                    raise
                logger.error("%s: %s", NO_ROOM, error)
                errors.append(f"Index: {index} ({NO_ROOM})")


def explain(error: Exception) -> str:
    """Return the error as one line of text. Validation errors have the wording of the original registry."""
    if isinstance(error, ValidationError):
        return "; ".join(_explain_fields(error.detail))
    if isinstance(error, Refused):
        return error.details
    return str(getattr(error, "detail", error))


def _explain_fields(detail: Any, path: str = "") -> Iterable[str]:
    if isinstance(detail, Mapping):
        for field, inner in detail.items():
            name = "" if field == "non_field_errors" else str(field)
            yield from _explain_fields(inner, f"{path}.{name}" if path and name else path or name)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _explain_fields(inner, path)
    elif detail.code in ("required", "null", "blank"):
        yield f"Path `{path}` is required"
    elif detail.code == "invalid_choice":
        yield f"{detail} `{path}`"
    else:
        yield f"{path}: {detail}" if path else str(detail)
