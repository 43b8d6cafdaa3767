"""Routes on the aliases of items, on their history, and on the items that have an alias."""

from collections.abc import Callable, Hashable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.http import StreamingHttpResponse
from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from catalog.aliases.models import AliasMove, pointing_at
from catalog.aliases.pointers import time_asked_for
from catalog.aliases.serializers import AliasAnswer, AliasInput, HolderAnswer, MoveAnswer
from catalog.aliases.services import CHANGE, REMOVAL, move_alias, remove_alias
from catalog.models import KINDS, Item
from catalog.viewsets import ItemRoutes
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rest.collections import CollectionViewSet, valid_changes
from tenants.rest.permissions import USERS
from tenants.rows.fences import edition_of
from tenants.rows.texts import shown
from tenants.rows.transactions import snapshot_instead_of_join

BY_MOVE = {"sequence": "number:number", "reason": "text", "actor": "user:actor_id", "timestamp": "date"}


class AliasRoutes(ItemRoutes):
    """Base of the routes on the aliases of one item; `as_view` gets the kind of the item."""

    kind: ClassVar[str] = ""
    collection: ClassVar[str] = ""
    group = "aliases"
    model: ClassVar[type[Model]] = AliasMove
    readers_write = True
    change_method = "PUT"

    def get_queryset(self) -> QuerySet[Any]:
        """Return the moves of the item that say where its aliases point at the time that is asked for."""
        item = self.get_object()
        moves = AliasMove.objects.of(item.tenant_id).filter(subject=item.pk)
        return moves.filter(pointing_at(time_asked_for(self.request)))

    def totals_key(self, edition: int | None) -> Hashable:
        return None

    def answer(self, row: Any) -> Response:
        return CollectionViewSet.answer(self, row)


class AliasViewSet(AliasRoutes):
    """Lists, reads, moves and removes the aliases of an item."""

    roles: ClassVar = dict.fromkeys(("list", "retrieve", "update", "destroy"), USERS)
    query_fields: ClassVar = {"_id": "text:alias", "version": "text:ordinal", "sha256": "text", **BY_MOVE}
    default_sort = "_id"
    scopes: ClassVar = dict.fromkeys(("update", "destroy"), ("aliases:move",))
    changes_class: ClassVar[type[Serializer[Any]]] = AliasInput
    answer_class: ClassVar[type[Serializer[Any]]] = AliasAnswer
    parameters: ClassVar = {
        "list": ("at",),
        "retrieve": ("at", "select"),
        "update": ("If-Match",),
        "destroy": ("If-Match",),
    }

    def to_api_page(self, rows: Sequence[AliasMove]) -> Sequence[dict[str, Any]]:
        return [{"_id": row.alias, "id": row.alias} | row.pointer for row in rows]

    def answer(self, row: Any) -> Response:
        """Answer the alias, whose ETag is the ordinal that it points at."""
        response = super().answer(row)
        response["ETag"] = f'"{row.ordinal}"'
        return response

    def list(self, request: Request, **kwargs: Any) -> Response | StreamingHttpResponse:
        """List the aliases of an item, as they are or were at a time."""
        return super().list(request)

    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        """Return where an alias points, or pointed at a time."""
        move = self.get_queryset().filter(alias=self.kwargs["alias"]).first()
        if move is None:
            raise Refused("resource_not_found", f"No such alias: {shown(self.kwargs['alias'])}")
        return self.answer(move)

    def update(self, request: Request, **kwargs: Any) -> Response:
        """Point an alias at a version."""
        item, body = self.get_object(), valid_changes(AliasInput, request.data)
        precondition = precondition_of(request, CHANGE)
        moved = move_alias(item=item, alias=kwargs["alias"], by=self.user, precondition=precondition, **body)
        return self.answer(moved)

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Remove an alias."""
        item, precondition = self.get_object(), precondition_of(request, REMOVAL)
        removed = remove_alias(item=item, alias=kwargs["alias"], by=self.user, precondition=precondition)
        return self.answer(removed)


class AliasHistory(AliasRoutes):
    """The moves of an alias, newest first."""

    roles: ClassVar = {"list": USERS}
    query_fields: ClassVar = {"_id": "text:pk", "from": "text?:before", "to": "text?:ordinal", **BY_MOVE}
    default_sort = "-sequence"
    answer_class: ClassVar[type[Serializer[Any]]] = MoveAnswer

    def get_queryset(self) -> QuerySet[AliasMove]:
        item = self.get_object()
        return AliasMove.objects.of_alias(item.tenant_id, item.pk, self.kwargs["alias"])

    def to_api_page(self, rows: Sequence[AliasMove]) -> Sequence[dict[str, Any]]:
        return [row.to_api() for row in rows]

    def list(self, request: Request, **kwargs: Any) -> Response | StreamingHttpResponse:
        """List the moves of an alias, newest first."""
        return super().list(request)


class AliasHolders(CollectionViewSet):
    """The items of the tenant that have an alias, or had it at a time, and where it points."""

    collection = "holders"
    group = "aliases"
    model = Item
    roles: ClassVar = {"list": USERS}
    query_fields: ClassVar = {
        "_id": "text:pk",
        "kind": "text",
        "name": "text",
        "owner": "user:owner_id",
        "tags": "texts#tag",
        "visibility": "text",
    }
    default_sort = "kind,-timestamp,-_id"
    scopes: ClassVar = {"list": tuple(f"{kind}s:read" for kind in KINDS)}
    answer_class = HolderAnswer
    parameters: ClassVar = {"list": ("at",)}

    def list(self, request: Request, **kwargs: Any) -> Response | StreamingHttpResponse:
        """List the items that have an alias, or had it at a time."""
        # On MongoDB the past is the present without later moves, so both are read from one snapshot.
        with nullcontext() if time_asked_for(request) is None else snapshot_instead_of_join():
            return super().list(request)

    def get_queryset(self) -> QuerySet[Item]:
        kinds = [kind for kind in KINDS if has_scope(self.request, f"{kind}s:read")]
        rows = Item.objects.visible_to(self.user).filter(kind__in=kinds)
        return rows.with_alias(self.kwargs["alias"], self.user.tenant_id or "", time_asked_for(self.request))

    def totals_key(self, edition: int | None) -> Hashable:
        user = self.user
        who = user.tenant_id if user.is_admin else user.pk
        return (
            edition_of(user.tenant_id or ""),
            who,
            tuple(getattr(user, "scopes", None) or ()),
            self.request.path,
            self.request.query_params.get("at"),
        )

    def to_api_page(self, rows: Sequence[Item]) -> Sequence[dict[str, Any]]:
        moves = AliasMove.objects.of(self.user.tenant_id).filter(alias=self.kwargs["alias"])
        found = moves.filter(pointing_at(time_asked_for(self.request)), subject__in=[row.pk for row in rows])
        moved = {move.subject: move for move in found} if rows else {}
        usernames = User.objects.usernames({row.owner_id for row in rows})
        return [holder(row, moved[row.pk], usernames) for row in rows if row.pk in moved]


def has_scope(request: Request, needed: str) -> bool:
    """Return whether the caller's token, if it is one for machines, has a scope."""
    scopes: Sequence[str] | None = getattr(request.user, "scopes", None)
    return scopes is None or needed in scopes


def holder(item: Item, move: AliasMove, usernames: dict[str, str]) -> dict[str, Any]:
    """Return the document of an item that has an alias."""
    fields = {"_id": item.pk, "id": item.pk, "kind": item.kind, "name": item.name, "owner": item.owner_id}
    return fields | {"owner_username": usernames.get(item.owner_id)} | move.pointer


def precondition_of(request: Request, error: str) -> Callable[[str | None], None]:
    """Return a function that raises Refused (412, RFC 9110) unless the alias points at what `If-Match` names."""
    return partial(_check_match, request.headers.get("If-Match", ""), error)


def _check_match(header: str, error: str, ordinal: str | None) -> None:
    if not header:
        return
    expected = [text.removeprefix('"').removesuffix('"') for text in parse_etags(header)]
    if ordinal is None or not ("*" in expected or ordinal in expected):
        points = f"It points at version {ordinal}" if ordinal else "The alias is not set"
        headers = {"ETag": f'"{ordinal}"'} if ordinal else {}
        raise Refused(error, f"{points}, which is not what If-Match asks for", headers, status=412)
