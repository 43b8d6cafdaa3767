"""Routes that merge words and undo merges, for administrators."""

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from catalog.curation import merge_term, rename_term
from catalog.merges.preview import preview_merge
from catalog.merges.serializers import MergeAnswer, MergeInput, PreviewAnswer, UndoAnswer
from catalog.merges.undo import undo_merge
from folksonomy.models import MetadataName, Tag
from tenants.exceptions import Refused
from tenants.models import Event
from tenants.rest.collections import CollectionViewSet, valid_body
from tenants.rest.permissions import ADMINISTRATORS
from tenants.rows.texts import shown


class MergeViewSet(CollectionViewSet):
    """Merges words of one kind."""

    roles: ClassVar = dict.fromkeys(("preview", "merge"), ADMINISTRATORS)
    scope_kind: ClassVar[str]
    collection = "merges"
    input_class = MergeInput
    answers: ClassVar = {"preview": PreviewAnswer, "merge": MergeAnswer}
    parameters: ClassVar = {"preview": ("merge.word", "merge.into")}

    def preview(self, request: Request, **kwargs: Any) -> Response:
        """Return how many items a merge would change, and which metadata values it would lose."""
        word, into = (request.query_params.get(name, "") for name in ("word", "into"))
        return Response(preview_merge(term=self.find(word, "get_request_error"), name=into).to_api())

    def merge(self, request: Request, **kwargs: Any) -> Response:
        """Replace a word by another one in all items and versions; the old word becomes its synonym.

        `values_lost` confirms how many values are lost where items have both names. The response names the event by
        which the merge can be undone for 30 days.
        """
        body = valid_body(MergeInput, request.data)
        word, into, error = body["word"], body["into"], "post_request_error"
        options = {"values_lost": body.get("values_lost", 0), "reason": body.get("reason", ""), "by": self.user}
        term = self.find(word, error)
        if body.get("rename"):
            merge = rename_term(term=term, name=into, **options)[1]
        else:
            merge = merge_term(term=term, into=self.find(into, error), **options)
        return Response({"word": word, "into": into, "items": merge.items, "event": merge.event})

    def find(self, name: str, error: str) -> Any:
        """Return the word of this name. Raises Refused with that error."""
        term: Any = self.get_readable("name", name) if "\0" not in name else None
        if term is None:
            raise Refused(error, f"No such word: {shown(name)}")
        return term


class TagMerges(MergeViewSet):
    """Merges tags."""

    group = scope_kind = "tags"
    model = Tag
    scopes: ClassVar = {"preview": ("tags:write",)}


class MetadataNameMerges(MergeViewSet):
    """Merges metadata names."""

    group = scope_kind = "metadata"
    model = MetadataName
    scopes: ClassVar = {"preview": ("metadata:write",)}


class UndoViewSet(CollectionViewSet):
    """Undoes a merge or rename of a word."""

    collection = "events"
    group = "history"
    model = Event
    roles: ClassVar = {"undo": ADMINISTRATORS}
    answers: ClassVar = {"undo": UndoAnswer}

    def undo(self, request: Request, **kwargs: Any) -> Response:
        """Undo the merge or rename that the event tells about, up to 30 days after it.

        Items and versions that had the word get it back, with the values that they lost, unless they were changed
        since. An interrupted undo is completed by repeating it.
        """
        done = undo_merge(event_id=kwargs["pk"], by=self.user)
        return Response({"word": done.word.name, "items": done.items, "skipped": done.skipped, "event": done.event})
