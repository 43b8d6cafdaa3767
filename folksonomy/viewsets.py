"""Routes on tags and metadata names."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from folksonomy.documentation import MetadataNameAnswer, TermAnswer
from folksonomy.models import MetadataName, Tag
from folksonomy.serializers import MetadataNameChanges, TermInput
from folksonomy.services import delete_term, set_direction, suggest_term
from tenants.models import User
from tenants.rest.collections import CollectionViewSet, valid_changes
from tenants.rest.permissions import ADMINISTRATORS, USERS

FIXED = ("_id", "id", "usage", "owner", "owner_username", "timestamp")


class TermViewSet(CollectionViewSet):
    """Words of the caller's tenant: all users can read them, administrators suggest and delete them."""

    roles: ClassVar = {
        "list": USERS,
        "retrieve": USERS,
        "create": ADMINISTRATORS,
        "destroy": ADMINISTRATORS,
    }
    input_class = TermInput
    scope_kind: ClassVar[str]
    answer_class: ClassVar[type[Serializer[Any]]] = TermAnswer
    lookup_fields = ("name",)
    query_fields: ClassVar = {"_id": "text:name", "usage": "text", "owner": "user?:owner_id", "timestamp": "date"}

    def to_api_page(self, rows: Sequence[Any]) -> Sequence[dict[str, Any]]:
        usernames = User.objects.usernames({row.owner_id for row in rows if row.owner_id})
        return [row.to_api(usernames) for row in rows]

    def create_one(self, body: dict[str, Any]) -> Tag | MetadataName:
        usage = body.get("usage", "default")
        return suggest_term(cast(type[Tag], self.model), name=body["_id"], by=self.user, usage=usage)

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        term = self.get_object()
        document = self.to_api_page([term])[0]
        delete_term(term=term, by=self.user)
        return Response(document)


class TagViewSet(TermViewSet):
    """Labels on models, datasets and algorithms."""

    collection = scope_kind = "tags"
    model = Tag


class MetadataNameViewSet(TermViewSet):
    """Names of metadata values of models, datasets and algorithms."""

    collection = "metadatas"
    group = scope_kind = "metadata"
    model = MetadataName
    roles: ClassVar = TermViewSet.roles | {"update": ADMINISTRATORS}
    answer_class = MetadataNameAnswer
    changes_class = MetadataNameChanges
    query_fields: ClassVar = TermViewSet.query_fields | {"better": "text?"}

    def update(self, request: Request, **kwargs: Any) -> Response:
        """Say which values of a metric are better: `higher`, `lower`, or null if that is unknown."""
        name = self.get_object()
        changes = valid_changes(MetadataNameChanges, request.data, FIXED)
        set_direction(term=name, better=changes["better"], by=self.user)
        return self.answer(name)
