"""Routes of drafts: what the caller has logged and not published yet."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import Q
from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.documentation import VersionAnswer
from catalog.drafts import files_below, publish
from catalog.models import Item
from catalog.services import create_item
from catalog.words import TellsReplaced
from tenants.exceptions import Refused
from tenants.identity.serializers import Flag, Name, Text
from tenants.models import TenantQuerySet
from tenants.rest.collections import CollectionViewSet, valid_body, valid_changes
from tenants.rest.documentation import ITEM, TIME, example
from tenants.rest.permissions import USERS, refusal, refuse_outside_scope
from tenants.rest.scopes import WRITES_ITEMS
from versions import draft_files, drafts
from versions.draft_models import Draft
from versions.upload import LONGEST_DESCRIPTION

FIXED = ("_id", "id", "kind", "experiment", "status", "source", "params", "metrics", "tags", "files", "size", "expires")


@example(pinned=True)
class DraftChanges(serializers.Serializer[Any]):
    """What can be changed of a draft here. A pinned draft does not expire."""

    pinned = Flag(required=False)
    name = Name(max_length=255, required=False)


@example(model="baseline", create=False, path="model", description="Beats the baseline")
class Publication(serializers.Serializer[Any]):
    """The model that gets a version, by id or one's own by name, and the folder of the draft; by default all files.

    With `create`, a model of this name is created if there is none.
    """

    model = Text(max_length=255)
    create = Flag(required=False)  # type: ignore[assignment]
    path = Text(max_length=1024, required=False, allow_blank=True)
    description = Text(max_length=LONGEST_DESCRIPTION, required=False, allow_blank=True)


@example(
    _id=ITEM,
    id=ITEM,
    experiment="0",
    kind="run",
    name="run-1",
    status="FINISHED",
    source="",
    params=[{"name": "max_depth", "value": "3"}],
    metrics=[{"name": "accuracy", "value": 0.94, "step": 0, "timestamp": 1769851800000}],
    tags=[],
    files=1,
    size=4,
    pinned=False,
    versions_count=0,
    timestamp=TIME,
    lastmod=TIME,
    ended=TIME,
    expires=TIME,
)
class DraftAnswer(serializers.Serializer[Any]):
    """A run or model that a user has logged. `expires` is null if it is pinned or a version was made of it."""

    _id = serializers.CharField()
    id = serializers.CharField()
    experiment = serializers.CharField()
    kind = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    status = serializers.CharField(allow_blank=True)
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    params = serializers.ListField(child=serializers.DictField())
    metrics = serializers.ListField(child=serializers.DictField())
    tags = serializers.ListField(child=serializers.DictField())
    files = serializers.IntegerField()
    size = serializers.IntegerField()
    pinned = serializers.BooleanField()
    versions_count = serializers.IntegerField()
    timestamp = serializers.DateTimeField()
    lastmod = serializers.DateTimeField()
    ended = serializers.DateTimeField(allow_null=True)
    expires = serializers.DateTimeField(allow_null=True)


class DraftViewSet(TellsReplaced, CollectionViewSet):
    """Drafts are their user's alone."""

    collection = "drafts"
    model = Draft
    roles: ClassVar = dict.fromkeys(("list", "retrieve", "update", "destroy", "publish"), USERS)
    scopes: ClassVar = dict.fromkeys(("list", "retrieve", "update", "destroy"), WRITES_ITEMS) | {
        "publish": ("models:write",)
    }
    checks_names = True
    query_fields: ClassVar = {
        "_id": "text:pk",
        "kind": "text",
        "name": "text",
        "status": "text",
        "experiment": "text",
        "source": "text",
        "size": "number",
        "files": "number",
        "pinned": "flag",
        "params": "pairs",
        "metrics": "pairs",
        "tags": "pairs",
        "timestamp": "date",
        "lastmod": "date",
        "expires": "date?",
    }
    bodies: ClassVar = {"update": DraftChanges, "publish": Publication}
    input_class = DraftChanges
    answer_class = DraftAnswer
    answers: ClassVar = {"publish": VersionAnswer}

    def get_queryset(self) -> TenantQuerySet[Draft]:
        """Return the caller's drafts that have not expired."""
        return Draft.objects.owned_by(self.user.tenant_id, self.user.pk)

    def get_object(self) -> Draft:
        return drafts.find(owner=self.user, id=self.kwargs["pk"])

    def update(self, request: Request, **kwargs: Any) -> Response:
        """Pin or rename a draft."""
        draft, changes = self.get_object(), valid_changes(DraftChanges, request.data, FIXED)

        def apply(current: Draft) -> None:
            for name, value in changes.items():
                setattr(current, name, value)

        return self.answer(drafts.change(draft=draft, apply=apply))

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete a draft with its files."""
        draft = self.get_object()
        answer = self.answer(draft)
        if not draft_files.remove(draft=draft, by=self.user):
            raise Http404(f"No such resource: {draft.pk}")
        return answer

    def publish(self, request: Request, **kwargs: Any) -> Response:
        """Make a version of the draft's files. Answers the version."""
        draft, body = self.get_object(), valid_body(Publication, request.data)
        named = Q(pk=body["model"]) | Q(name=body["model"], owner_id=self.user.pk)
        item = Item.objects.visible_to(self.user).filter(named, kind="model").first()
        if item is None and body.get("create"):
            item = self._created(draft, body)
        if item is None:
            raise Http404(f"No such model: {body['model']}")
        if not item.is_changeable_by(self.user):
            raise refusal(request.method, "This model is open only to its owner and administrators")
        refuse_outside_scope(request, self, item.name)
        about: dict[str, Any] = {"path": body.get("path", ""), "description": body.get("description", "")}
        return Response(self.tell(publish(draft=draft, item=item, by=self.user, **about)).to_api())

    def _created(self, draft: Draft, body: dict[str, Any]) -> Item:
        """Create the model for a version, if there are files for one. Raises Refused."""
        refuse_outside_scope(self.request, self, body["model"])
        if not any(True for _ in files_below(draft.pk, body.get("path", ""))):
            raise Refused("post_request_error", "There are no files for a version")
        return create_item(kind="model", by=self.user, name=body["model"])

    def to_api_page(self, rows: Sequence[Any]) -> Sequence[dict[str, Any]]:
        return [Draft.to_api(row) for row in rows]
