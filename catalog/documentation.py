"""Shapes of responses, used only by the OpenAPI description."""

from typing import Any

from rest_framework import serializers

from catalog.serializers import Metadatum
from folksonomy.documentation import TermAnswer
from tenants.rest.documentation import (
    ADA,
    DATASET,
    FILE_SHA256,
    GRACE,
    ITEM,
    TIME,
    DatasetReference,
    UserAnswer,
    UserReference,
    example,
)

VERSION = {
    "ordinal": "1",
    "original": "churn.onnx",
    "mimetype": "application/octet-stream",
    "encoding": "7bit",
    "size": 4,
    "sha256": FILE_SHA256,
    "description": "First that beats the baseline",
    "tags": ["onnx"],
    "metadata": [{"name": "accuracy", "value": 0.94}],
    "timestamp": TIME,
}
ITEM_EXAMPLE = {
    "_id": ITEM,
    "id": ITEM,
    "name": "churn",
    "description": "Predicts **churn** from usage",
    "owner": ADA,
    "owner_username": "ada",
    "visibility": "private",
    "users": [{"_id": GRACE, "username": "grace"}],
    "tags": ["customers"],
    "metadata": [{"name": "accuracy", "value": 0.94}],
    "versions": [VERSION],
    "versions_count": 1,
    "timestamp": TIME,
    "lastmod": TIME,
}


@example(**VERSION)
class VersionAnswer(serializers.Serializer[Any]):
    """A stored file."""

    ordinal = serializers.CharField()
    original = serializers.CharField()
    mimetype = serializers.CharField()
    encoding = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField())
    metadata = Metadatum(many=True)
    timestamp = serializers.DateTimeField()


@example(**ITEM_EXAMPLE)
class DatasetAnswer(serializers.Serializer[Any]):
    """A dataset."""

    _id = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True, help_text="Markdown")
    owner = serializers.CharField(help_text="The `_id` of the user")
    owner_username = serializers.CharField()
    visibility = serializers.CharField()
    users = UserReference(many=True)
    tags = serializers.ListField(child=serializers.CharField())
    metadata = Metadatum(many=True)
    versions = VersionAnswer(many=True, help_text="The newest 100, oldest first")
    versions_count = serializers.IntegerField(help_text="How many versions there are")
    timestamp = serializers.DateTimeField()
    lastmod = serializers.DateTimeField()


@example(**ITEM_EXAMPLE, status="production", datasets=[{"_id": DATASET, "name": "churn-2025"}])
class ItemAnswer(DatasetAnswer):
    """A model or an algorithm."""

    status = serializers.CharField()
    datasets = DatasetReference(many=True)


@example(users=[], tags=[], metadata=[], datasets=[], models=[])
class DemoAnswer(serializers.Serializer[Any]):
    """The items of the demo, their users and their words."""

    users = UserAnswer(many=True)
    tags = TermAnswer(many=True)
    metadata = TermAnswer(many=True)
    datasets = DatasetAnswer(many=True)
    models = ItemAnswer(many=True)


@example(_id=ITEM, id=ITEM, size=4, offset=0, sha256="", timestamp=TIME, expires=TIME)
class UploadAnswer(serializers.Serializer[Any]):
    """An upload in several requests. `sha256` is empty until all bytes are there."""

    _id = serializers.CharField()
    id = serializers.CharField()
    size = serializers.IntegerField()
    offset = serializers.IntegerField()
    sha256 = serializers.CharField(allow_blank=True)
    timestamp = serializers.DateTimeField()
    expires = serializers.DateTimeField()
