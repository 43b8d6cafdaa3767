"""Routes on tags and metadata names."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from folksonomy.documentation import MetadataNameAnswer, TermAnswer
from folksonomy.models import MetadataName, Tag
from folksonomy.serializers import MetadataNameChanges, TermChanges, TermInput
from folksonomy.services import change_term, delete_term, suggest_term
from folksonomy.synonyms import term_documents
from tenants.rest.collections import CollectionViewSet, valid_changes
from tenants.rest.permissions import ADMINISTRATORS, USERS
from tenants.rest.querying.fields import query_error
from tenants.rest.querying.page import envelope
from tenants.rest.querying.query import LARGEST_PAGE, LIMIT, number_in, one_of
from tenants.rows.hooks import hook

FIXED = ("_id", "id", "usage", "owner", "owner_username", "timestamp")
USES = ("most", "none")  # sorted by use, and unused
OTHERS = ("filter", "q", "sort", "after", "format")  # parameters that exclude `uses`
MOST_COUNTED, MOST_BY_USE = 10_000, 1000  # the newest words, and words per page


class TermViewSet(CollectionViewSet):
    """Words of the caller's tenant: all users can read them, administrators suggest and delete them."""

    roles: ClassVar = dict.fromkeys(("list", "retrieve"), USERS) | dict.fromkeys(
        ("create", "update", "destroy"), ADMINISTRATORS
    )
    input_class = TermInput
    changes_class: ClassVar[type[Serializer[Any]]] = TermChanges
    scope_kind: ClassVar[str]
    answer_class: ClassVar[type[Serializer[Any]]] = TermAnswer
    lookup_fields = ("name",)
    parameters: ClassVar = CollectionViewSet.parameters | {"list": ("counts", "uses")}
    query_fields: ClassVar = {
        "_id": "text:name",
        "usage": "text",
        "description": "text",
        "owner": "user?:owner_id",
        "timestamp": "date",
    }

    @property
    def counts(self) -> bool:
        """Whether the answer tells how many items use each word."""
        if self.action != "list":
            return False
        return one_of(self.request, "counts", ("", "true", "false")) == "true" or bool(
            self.request.query_params.get("uses")
        )

    def list(self, request: Request, **kwargs: Any) -> Response | StreamingHttpResponse:
        """List the words; `uses` sorts them by the number of items that use them, or keeps the unused."""
        uses = request.query_params.get("uses", "")
        if not uses:
            return super().list(request)
        if uses not in USES or any(request.query_params.get(name) for name in OTHERS):
            raise query_error(f"uses is one of {', '.join(USES)}, without {', '.join(OTHERS)}")
        page, limit = number_in(request, "page", 1, LARGEST_PAGE), number_in(request, "limit", LIMIT, MOST_BY_USE)
        rows = list(self.get_queryset().order_by("-timestamp", "-pk")[:MOST_COUNTED])
        counts = hook("count_uses")(terms=rows, reader=self.user)
        kept = [row for row in rows if uses == "most" or not counts[row.pk]]
        kept.sort(key=lambda row: (-counts[row.pk], row.name))
        some = kept[(page - 1) * limit : page * limit]
        return Response(envelope(self.counted_page(some, counts), len(kept), page, limit))

    def to_api_page(self, rows: Sequence[Any]) -> Sequence[dict[str, Any]]:
        if self.counts:
            return self.counted_page(rows, hook("count_uses")(terms=rows, reader=self.user))
        return term_documents(rows, with_synonyms=self.is_selected("synonyms"))

    def counted_page(self, rows: Sequence[Any], counts: Mapping[str, int]) -> Sequence[dict[str, Any]]:
        """Return the documents with the number of items that use each word."""
        documents = term_documents(rows, with_synonyms=self.is_selected("synonyms"))
        return [document | {"count": counts[row.pk]} for document, row in zip(documents, rows, strict=True)]

    def document_fields(self) -> Sequence[str]:
        return [*super().document_fields(), *(["count"] if self.counts else ())]

    def create_one(self, body: dict[str, Any]) -> Tag | MetadataName:
        usage = body.get("usage", "default")
        return suggest_term(cast(type[Tag], self.model), name=body["_id"], by=self.user, usage=usage)

    def update(self, request: Request, **kwargs: Any) -> Response:
        """Change the description and the synonyms, and which values of a metric are better."""
        term = self.get_object()
        change_term(term=term, changes=valid_changes(self.changes_class, request.data, FIXED), by=self.user)
        return self.answer(term)

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
    answer_class = MetadataNameAnswer
    changes_class = MetadataNameChanges
    query_fields: ClassVar = TermViewSet.query_fields | {"better": "text?"}
