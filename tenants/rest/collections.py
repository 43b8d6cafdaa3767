"""What all collections share: who may call, which rows, the page, bulk creation, partial change."""

import logging
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, cast

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.db.models import Model
from django.http import Http404
from pymongo.errors import PyMongoError
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from tenants.exceptions import Refused
from tenants.models import TenantQuerySet, User
from tenants.rows.transactions import is_disk_full

logger = logging.getLogger(__name__)

NO_ROOM = "Insufficient storage"


@cache
def _checking(serializer: type[Serializer[Any]]) -> Serializer[Any]:
    """Return the one that checks all bodies: it keeps nothing of them, and to make one takes as long as to check."""
    return serializer()


def valid_body(serializer: type[Serializer[Any]], body: Any) -> dict[str, Any]:
    """Return the checked fields of a body. Raises Refused (`missing_info`) without one, and ValidationError."""
    if body is None or body == {}:
        raise Refused("missing_info", "The request needs a JSON object as its body")
    return dict(_checking(serializer).run_validation(body))


def valid_changes(serializer: type[Serializer[Any]], body: Any, known: Iterable[str] = ()) -> dict[str, Any]:
    """Return the checked fields of a partial change.

    `known` are fields of the resource that cannot be changed. Raises Refused: `missing_info` without a body,
    `incorrect_info` where no field is known, `put_request_error` naming a field that cannot be changed.
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
    """A collection of a tenant's resources, shut but for what `roles` opens.

    Subclasses name `collection` (the key of bulk answers), `model`, `query_fields` (what lists can be filtered and
    sorted by), `input_class` (the serializer of a creation), `lookup_fields` (what an id in the URL may be, tried in
    order), and give `create_one` and `to_api_page`.
    """

    collection: ClassVar[str]
    model: ClassVar[type[Model]]
    roles: ClassVar[dict[str, frozenset[Any]]] = {}
    query_fields: ClassVar[dict[str, str]] = {}
    input_class: ClassVar[type[Serializer[Any]]]
    parameters: ClassVar[dict[str, tuple[str, ...]]] = {"create": ("verbose",), "retrieve": ("select",)}
    lookup_fields: ClassVar[tuple[str, ...]] = ("pk",)
    lookup_value_regex = "[^/]+"

    @property
    def user(self) -> User:
        """The caller, in views that only users may call."""
        return cast(User, self.request.user)

    def get_queryset(self) -> Any:
        """Return what the caller may read."""
        rows: TenantQuerySet[Any] = self.model._default_manager.all()  # type: ignore[assignment]
        return rows.visible_to(self.user)

    def get_object(self) -> Any:
        """Return the resource that the URL names. Raises Http404 where the tenant has none such."""
        key = self.kwargs[self.lookup_field]
        for field in self.lookup_fields:
            found = self.get_readable(field, key)
            if found is not None:
                return found
        raise Http404(f"No such resource: {key}")

    def get_readable(self, field: str, key: str) -> Any:
        return self.get_queryset().filter(**{field: key}).first()

    def get_serializer_class(self) -> type[Serializer[Any]]:
        return self.input_class

    def to_api_page(self, rows: Sequence[Any]) -> Sequence[dict[str, Any]]:
        """Return the documents of some rows, with as few queries for all of them as for one."""
        return [row.to_api() for row in rows]

    def is_selected(self, field: str) -> bool:
        """Tell whether the caller will see the field, or a part of it."""
        return bool(self.paginator.selects(field, self.request))  # type: ignore[union-attr]

    def totals_key(self) -> Hashable:
        """Return what the list's total follows from besides the filter, None where it must be counted each time."""
        return None

    def answer(self, row: Any) -> Response:
        """Answer one resource, cut to what `select` asks for."""
        document = self.to_api_page([row])[0]
        return Response(self.paginator.select(document, self.request))  # type: ignore[union-attr]

    def list(self, request: Request, **kwargs: Any) -> Response:
        return self.get_paginated_response(self.paginate_queryset(self.filter_queryset(self.get_queryset())))

    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        return self.answer(self.get_object())

    def create(self, request: Request, **kwargs: Any) -> Response:
        if isinstance(request.data, list):
            return self.create_each(request.data)
        return self.answer(self.create_one(valid_body(self.input_class, request.data)))

    def create_one(self, body: dict[str, Any]) -> Any:
        raise NotImplementedError

    def create_each(self, bodies: Sequence[Any]) -> Response:
        """Create each element on its own; what cannot be created is reported by index and harms no other.

        That goes for a full disk too: what was kept before it is told. Where nothing was, the list is refused as one.
        """
        if len(bodies) > settings.MAX_BULK_LENGTH:
            raise Refused("payload_too_large", f"A list has at most {settings.MAX_BULK_LENGTH} elements")
        created, errors = [], []
        for index, body in enumerate(bodies):
            try:
                created.append(self.create_one(valid_body(self.input_class, body)))
            except (APIException, RequestDataTooBig) as error:
                errors.append(f"Index: {index} ({explain(error)})")
            except (DatabaseError, PyMongoError) as error:
                if not (created and is_disk_full(error)):
                    raise
                logger.error("%s: %s", NO_ROOM, error)
                errors.append(f"Index: {index} ({NO_ROOM})")
        status = 202 if errors else 200
        if self.request.query_params.get("verbose") == "false":
            return Response({"saved": len(created), "errors": len(errors), "Indexes": errors}, status)
        return Response({self.collection: self.to_api_page(created), "errors": errors}, status)


def explain(error: Exception) -> str:
    """Return what is wrong as one line of text, in the original's words where it has some."""
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
