"""Checks of what items and versions hold, before it is written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from django.conf import settings

from catalog.changes import unique
from catalog.models import Item
from folksonomy.models import MetadataName, Tag
from folksonomy.services import use_terms
from tenants.exceptions import Refused
from tenants.models import User
from versions.models import Version
from versions.ordinals import refuse_taken
from versions.services import Upload

CREATION, CHANGE = "post_request_error", "put_request_error"
WORDS = ("tags", "metadata")
# Lists and their bytes. MongoDB keeps at most 16 MiB in one document; a page of ten items embeds a thousand versions.
BOUNDS: dict[type[Item | Version], tuple[str, tuple[str, ...], int]] = {
    Item: ("An item", (*WORDS, "users", "datasets"), 8 * 1024 * 1024),
    Version: ("A version", WORDS, 64 * 1024),
}


def refuse_too_large(row: Item | Version, error: str) -> None:
    """Raise Refused with that error if a list is longer than `MAX_LIST_LENGTH`, or all lists have too many bytes."""
    what, names, largest = BOUNDS[type(row)]
    lists = {name: getattr(row, name) for name in names}
    for name, elements in lists.items():
        if len(elements) > settings.MAX_LIST_LENGTH:
            raise Refused(error, f"{what} has at most {settings.MAX_LIST_LENGTH} {name}")
    if len(orjson.dumps(lists)) > largest:
        *some, last = names
        raise Refused(error, f"The {', '.join(some)} and {last} of {what.lower()} have at most {largest} bytes")


def single_valued(metadata: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the metadata to store. Raises Refused (`post_request_error`) for a duplicate name."""
    seen: set[str] = set()
    for name in (pair["name"] for pair in metadata):
        if name in seen:
            raise Refused(CREATION, f"Metadata name duplicated ({name})")
        seen.add(name)
    return [{"name": pair["name"], "value": pair["value"]} for pair in metadata]


def use_words(tags: Iterable[str], metadata: Iterable[Mapping[str, Any]], *, by: User, error: str) -> None:
    """Add new words to the folksonomy. Raises Refused with that error for an invalid one."""
    use_terms(Tag, tags, by=by, error=error)
    use_terms(MetadataName, (pair["name"] for pair in metadata), by=by, error=error)


def checked_version(item: Item, upload: Upload, ordinal: str | None) -> Upload:
    """Return the upload with the words to store. Raises Refused (`post_request_error`), before bytes are copied."""
    upload = replace(upload, tags=unique(upload.tags), metadata=single_valued(upload.metadata))
    refuse_too_large(Version(tags=upload.tags, metadata=upload.metadata), CREATION)
    if ordinal is not None:
        refuse_taken(tenant_id=item.tenant_id, subject=item.pk, ordinal=ordinal)
    return upload
