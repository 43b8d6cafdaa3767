"""Routes on saved views."""

from collections.abc import Sequence
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from catalog.saved.models import SavedView
from catalog.saved.serializers import ViewAnswer, ViewChanges, ViewInput
from catalog.saved.services import change_view, create_view, delete_view, refuse_other
from tenants.models import User
from tenants.rest.collections import CollectionViewSet, valid_changes
from tenants.rest.permissions import USERS

FIXED = ("_id", "id", "list", "owner", "owner_username", "timestamp", "lastmod")


class SavedViewViewSet(CollectionViewSet):
    """Saved views: the caller's own, and those that are shared in their tenant. No token for machines opens them."""

    collection = "views"
    group = "views"
    model = SavedView
    roles: ClassVar = dict.fromkeys(("list", "retrieve", "create", "update", "destroy"), USERS)
    query_fields: ClassVar = {
        "_id": "text:pk",
        "name": "text",
        "list": "text",
        "owner": "user:owner_id",
        "shared": "flag",
        "timestamp": "date",
        "lastmod": "date",
    }
    input_class: ClassVar[type[Serializer[Any]]] = ViewInput
    changes_class: ClassVar[type[Serializer[Any]]] = ViewChanges
    answer_class: ClassVar[type[Serializer[Any]]] = ViewAnswer

    def to_api_page(self, rows: Sequence[SavedView]) -> Sequence[dict[str, Any]]:
        others = {row.owner_id for row in rows} - {self.user.pk}
        usernames = User.objects.usernames(others) | {self.user.pk: self.user.username}
        return [row.to_api(usernames) for row in rows]

    def create_one(self, body: dict[str, Any]) -> SavedView:
        return create_view(by=self.user, **body)

    def update(self, request: Request, **kwargs: Any) -> Response:
        view = self.get_object()
        refuse_other(view, self.user)
        fields = valid_changes(ViewChanges, request.data, FIXED)
        return self.answer(change_view(view=view, by=self.user, fields=fields))

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        view = self.get_object()
        answer = self.answer(view)
        delete_view(view=view, by=self.user)
        return answer
