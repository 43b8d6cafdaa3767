"""Shapes of requests and answers about saved views."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.saved.models import LISTS
from tenants.identity.serializers import Choice, Flag, Text
from tenants.rest.documentation import ADA, TIME, VIEW, example

LONGEST_QUERY = 4000  # characters
QUERY = "q=accuracy%3E0.9&columns=name&columns=metadata.accuracy"


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": LONGEST_QUERY, "format": "query"})
class Query(Text):
    """A query string, checked by the service."""


def _query() -> Query:
    return Query(
        max_length=LONGEST_QUERY,
        required=False,
        allow_blank=True,
        help_text="The query string of the list: `q`, `filter`, `sort`, `limit`, `columns`, `select`",
    )


@example(name="best", query=QUERY, shared=True)
class ViewChanges(serializers.Serializer[Any]):
    """Request body that changes a saved view."""

    name = Text(max_length=255, required=False)
    query = _query()
    shared = Flag(required=False)


@example(name="good", list="models", query=QUERY)
class ViewInput(serializers.Serializer[Any]):
    """Request body that saves a view."""

    name = Text(max_length=255)
    list = Choice(choices=LISTS)
    query = _query()
    shared = Flag(required=False)


@example(
    _id=VIEW,
    id=VIEW,
    name="good",
    list="models",
    query=QUERY,
    shared=False,
    owner=ADA,
    owner_username="ada",
    timestamp=TIME,
    lastmod=TIME,
)
class ViewAnswer(serializers.Serializer[Any]):
    """A saved view: a search of a list under a name."""

    _id = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField()
    list = serializers.CharField()
    query = serializers.CharField(allow_blank=True)
    shared = serializers.BooleanField()
    owner = serializers.CharField()
    owner_username = serializers.CharField()
    timestamp = serializers.DateTimeField()
    lastmod = serializers.DateTimeField()
