"""Shapes of responses, used only by the OpenAPI description."""

from typing import Any

from rest_framework import serializers

from catalog.serializers import Metadatum
from folksonomy.documentation import MetadataNameAnswer, TermAnswer
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
from tenants.rest.documentation import VERSION as VERSION_ID
from tenants.rest.querying.page import envelope

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
    "aliases": {"production": "1"},
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


@example(
    **VERSION,
    files_count=1,
    digest="8e5dbcf0b3c3dbb9a1ee1f7ef6ab7bd0dfc0b0a2a8f9a5c7d9a1f1c1e1b1a191",
    created_by={"_id": ADA, "username": "ada"},
)
class InfoAnswer(VersionAnswer):
    """A version, with the number and the digest of its files."""

    files_count = serializers.IntegerField()
    digest = serializers.CharField(help_text="sha256 of the canonical JSON of path, sha256 and size of each file")
    created_by = UserReference(allow_null=True)


FILE = {
    "_id": VERSION_ID,
    "path": "churn.onnx",
    "size": 4,
    "sha256": FILE_SHA256,
    "mimetype": "application/octet-stream",
}
ADDED = {field: FILE[field] for field in ("path", "size", "sha256")}
CHANGED = {"path": "churn.onnx", "size": [3, 4], "sha256": ["0" * 64, FILE_SHA256]}


@example(**FILE)
class FileAnswer(serializers.Serializer[Any]):
    """A file of a version."""

    _id = serializers.CharField()
    path = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    mimetype = serializers.CharField()


def _number(*, null: bool = False) -> serializers.IntegerField:
    return serializers.IntegerField(allow_null=null)


@example(**envelope([FILE], 1, 1, 10))
class FilesAnswer(serializers.Serializer[Any]):
    """A page of files."""

    docs = FileAnswer(many=True)
    totalDocs, limit, totalPages = _number(), _number(), _number()
    page, pagingCounter = _number(null=True), _number(null=True)
    hasPrevPage, hasNextPage = serializers.BooleanField(), serializers.BooleanField()
    prevPage, nextPage = _number(null=True), _number(null=True)


class ChangedFile(serializers.Serializer[Any]):
    """A file with another content, whose sizes and digests are old and new."""

    path = serializers.CharField()
    size = serializers.ListField(child=serializers.IntegerField())
    sha256 = serializers.ListField(child=serializers.CharField())


class ComparedFile(serializers.Serializer[Any]):
    """A file that only one version has."""

    path = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()


@example(
    **{"from": "1", "to": "2", "added": [ADDED], "removed": [ADDED], "changed": [CHANGED]},
    metadata={},
    added_count=1,
    removed_count=1,
    changed_count=1,
)
class DifferenceAnswer(serializers.Serializer[Any]):
    """How the files of two versions differ: the first 1,000 of each kind, and how many there are."""

    to = serializers.CharField()
    added = ComparedFile(many=True)
    removed = ComparedFile(many=True)
    changed = ChangedFile(many=True)
    metadata = serializers.DictField(help_text="Name to old and new value")
    added_count = serializers.IntegerField()
    removed_count = serializers.IntegerField()
    changed_count = serializers.IntegerField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields; the name `from` is a keyword of Python."""
        return {"from": serializers.CharField(allow_null=True), **super().get_fields()}


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
    aliases = serializers.DictField(child=serializers.CharField(), help_text="The ordinal of each")
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
    metadata = MetadataNameAnswer(many=True)
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


OFFSET, EXPIRY = "The number of bytes that are there", "When the upload is removed"
UPLOAD_HEADERS = {  # of responses, by action
    "create": {"Location": "The path of the upload", "Upload-Offset": OFFSET, "Upload-Expires": EXPIRY},
    "append": {"Upload-Offset": OFFSET, "Upload-Expires": EXPIRY},
    "retrieve": {"Upload-Offset": OFFSET, "Upload-Length": "The size of the file", "Upload-Expires": EXPIRY},
}
