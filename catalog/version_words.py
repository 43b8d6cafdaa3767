"""Bodies, forms and queries that create and change versions: files, description, tags and metadata."""

from io import BytesIO
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ParseError, ValidationError

from catalog.serializers import MetadataChange, Metadatum, TagsChange, names
from tenants.exceptions import Refused
from tenants.identity.serializers import Text, Whole
from tenants.rest.collections import explain
from tenants.rest.documentation import example
from tenants.rest.negotiation import JSONParser
from versions.upload import LONGEST_DESCRIPTION

LONGEST_WORDS = 256 * 1024  # characters of the tags or metadata of a version as JSON; escapes take more than bytes
# Fields of a version that no request changes.
FIXED = ("ordinal", "original", "mimetype", "encoding", "size", "sha256", "timestamp")


@example("multipart/form-data", file="test", description="Beats the baseline", tags='["onnx"]')
class VersionForm(serializers.Serializer[Any]):
    """A form that uploads a version: one `file`, or several `files` whose names are paths in the folder `original`."""

    file = serializers.FileField(required=False)
    files = serializers.ListField(child=serializers.FileField(), required=False)
    original = Text(max_length=1024, required=False)
    description = Text(required=False, allow_blank=True)
    tags = Text(required=False, allow_blank=True, help_text="A JSON list of texts")
    metadata = Text(required=False, allow_blank=True, help_text="A JSON list of `{name, value}`")


class SourceOfFile(serializers.Serializer[Any]):
    """A file: its path, and the version or the upload that has its bytes; `offset` and `size` are those of a part."""

    path = Text(max_length=1024)
    upload = Text(required=False)
    offset = Whole(min_value=0, required=False)
    size = Whole(min_value=0, required=False)
    version = Text(max_length=1024, required=False)
    item = Text(max_length=24, required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields; the name `from` is a keyword of Python."""
        return {**super().get_fields(), "from": Text(max_length=1024, required=False)}


class VersionWords(serializers.Serializer[Any]):
    """Tags and metadata of a new version."""

    tags = names()
    metadata = Metadatum(many=True, required=False)


@example(
    original="churn",
    description="The same model under another path",
    files=[{"path": "model/churn.onnx", "version": "1", "from": "churn.onnx"}],
)
class VersionInput(VersionWords):
    """Files that are already stored, which become a version: one as it is, several as the folder `original`."""

    original = Text(max_length=1024, required=False)
    description = Text(required=False, allow_blank=True)
    files = SourceOfFile(many=True)


@example(
    description="Beats the baseline", metadata={"add": [{"name": "accuracy", "value": 0.95}]}, tags={"add": ["onnx"]}
)
class VersionChanges(serializers.Serializer[Any]):
    """Request body that changes a version."""

    description = Text(max_length=LONGEST_DESCRIPTION, required=False, allow_blank=True)
    tags = TagsChange(required=False)
    metadata = MetadataChange(required=False)


def words_in(texts: Any) -> dict[str, Any]:
    """Return the validated `tags` and `metadata` of a JSON body, or of a form or query, where each is a JSON list.

    Raises Refused (`post_request_error`) for anything else, and for a text that is too long.
    """
    found = {name: texts[name] for name in VersionWords._declared_fields if texts.get(name)}
    sent = {name: value if isinstance(value, list) else _parsed(name, value) for name, value in found.items()}
    try:
        return dict(VersionWords().run_validation(sent)) if sent else {}
    except ValidationError as error:  # also of a PUT, which adds a version
        raise Refused("post_request_error", explain(error)) from None


def _parsed(name: str, text: Any) -> Any:
    if not isinstance(text, str) or len(text) > LONGEST_WORDS:
        raise Refused("post_request_error", f"{name} is a JSON list of at most {LONGEST_WORDS} characters")
    try:
        return JSONParser().parse(BytesIO(text.encode()))
    except ParseError as error:
        raise Refused("post_request_error", f"{name}: {error}") from None
