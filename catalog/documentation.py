"""The shape of what goes out, for the OpenAPI only."""

from typing import Any

from rest_framework import serializers

from catalog.serializers import Metadatum
from tenants.documentation import ID, TIME, DatasetReference, UserReference, example

VERSION = {
    "ordinal": "1",
    "original": "churn.onnx",
    "mimetype": "application/octet-stream",
    "encoding": "7bit",
    "size": 18432,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "description": "First that beats the baseline",
    "timestamp": TIME,
}
DATASET = {
    "_id": ID,
    "id": ID,
    "name": "churn",
    "owner": {"_id": ID, "username": "ada"},
    "visibility": "private",
    "users": [{"_id": ID, "username": "grace"}],
    "tags": ["customers"],
    "metadata": [{"name": "accuracy", "value": 0.94}],
    "versions": [VERSION],
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
    description = serializers.CharField()
    timestamp = serializers.DateTimeField()


@example(**DATASET)
class DatasetAnswer(serializers.Serializer[Any]):
    """A dataset."""

    _id = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField()
    owner = UserReference()
    visibility = serializers.CharField()
    users = UserReference(many=True)
    tags = serializers.ListField(child=serializers.CharField())
    metadata = Metadatum(many=True)
    versions = VersionAnswer(many=True)
    timestamp = serializers.DateTimeField()
    lastmod = serializers.DateTimeField()


@example(**DATASET, status="production", datasets=[{"_id": ID, "name": "customers-2025"}])
class ItemAnswer(DatasetAnswer):
    """A model or an algorithm."""

    status = serializers.CharField()
    datasets = DatasetReference(many=True)
