"""The routes that suggest words while a user types: those of curators and their own first."""

from collections.abc import Collection
from typing import Any, ClassVar

from django.db.models import Case, Value, When
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.models import Item
from folksonomy.models import MetadataName, Tag
from tenants.models import User
from tenants.rest.collections import CollectionViewSet
from tenants.rest.documentation import example
from tenants.rest.permissions import USERS
from tenants.rest.querying.fields import query_error
from tenants.rows.texts import LONGEST

MOST = 10  # words
OWN_ITEMS = 100  # the items of a user, changed last, whose words are suggested first


class SuggestionAnswer(serializers.Serializer[Any]):
    """A suggested word."""

    _id = serializers.CharField()
    usage = serializers.CharField()


@example(docs=[{"_id": "vision", "usage": "default"}])
class SuggestionsAnswer(serializers.Serializer[Any]):
    """Suggested words, the best first."""

    docs = SuggestionAnswer(many=True)


class SuggestionsViewSet(CollectionViewSet):
    """Words that contain a text: `default` ones and those of the caller's items first, other `folk` ones after."""

    collection = "suggestions"
    group: ClassVar[str]
    model: ClassVar[type[Tag | MetadataName]]
    roles: ClassVar = {"suggest": USERS}
    parameters: ClassVar = {"suggest": ("suggestions.text",)}
    answers: ClassVar = {"suggest": SuggestionsAnswer}

    def suggest(self, request: Request, **kwargs: Any) -> Response:
        """Suggest up to ten words that contain a text: `default` ones and those of your own items first."""
        text = request.query_params.get("text", "")
        if len(text) > LONGEST or "\0" in text:
            raise query_error(f"text has at most {LONGEST} characters")
        words = suggested(self.model, text, self.user)
        return Response({"docs": [{"_id": name, "usage": usage} for name, usage in words]})


class TagSuggestions(SuggestionsViewSet):
    """Suggested tags."""

    group, model = "tags", Tag
    scopes: ClassVar = {"suggest": ("tags:read",)}


class MetadataNameSuggestions(SuggestionsViewSet):
    """Suggested metadata names."""

    group, model = "metadata", MetadataName
    scopes: ClassVar = {"suggest": ("metadata:read",)}


def suggested(model: type[Tag | MetadataName], text: str, user: User) -> list[tuple[str, str]]:
    """Return names and usage of the words that contain the text, in any case, in two queries."""
    words = model.objects.of(user.tenant_id).filter(name__icontains=text) if text else model.objects.of(user.tenant_id)
    first = Case(When(usage="default", then=Value(0)), When(name__in=own_words(model, user), then=Value(0)), default=1)
    return list(words.order_by(first, "name", "pk").values_list("name", "usage")[:MOST])


def own_words(model: type[Tag | MetadataName], user: User) -> Collection[str]:
    """Return the words of the user's items that changed last."""
    column = "tags" if model is Tag else "metadata"
    items = Item.objects.of(user.tenant_id).filter(owner_id=user.pk).order_by("-lastmod", "-pk")
    found = (each for words in items.values_list(column, flat=True)[:OWN_ITEMS] for each in words)
    return sorted({each if model is Tag else each["name"] for each in found})
