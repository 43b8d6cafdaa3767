"""What `@production`, `@production~1` and `@latest` mean, now or at a time."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from rest_framework.request import Request

from catalog.aliases.models import AliasMove
from catalog.models import Item
from tenants.rest.querying.fields import Field, query_error
from tenants.rest.querying.operands import operand_of
from versions import lookup
from versions.models import Version

LATEST = "latest"  # built in: the newest version
ALIAS = re.compile(r"[A-Za-z0-9_-]{1,64}")
POINTER = re.compile(r"@([A-Za-z0-9_-]{1,64})(?:~([0-9]{1,6}))?")
MOMENT = Field("at", "date")


class Pointer(NamedTuple):
    """An alias, and how many moves to go back."""

    alias: str
    back: int


def pointer_of(text: str) -> Pointer | None:
    """Return the pointer that a URL has in place of a version, or None for a file name or an ordinal."""
    match = POINTER.fullmatch(text)
    return Pointer(match[1], int(match[2] or 0)) if match else None


def unfit_alias(text: str) -> str:
    """Return why the text cannot be an alias, or an empty text."""
    if not ALIAS.fullmatch(text):
        return "An alias has 1 to 64 letters, digits, `_` or `-`"
    if text.isdigit():
        return "An alias is not a number"
    return "The alias `latest` is built in: the newest version" if text == LATEST else ""


def time_asked_for(request: Request) -> datetime | None:
    """Return the time in the query parameter `at`, or None. Raises Refused (`get_request_error`)."""
    texts = request.query_params.getlist("at")
    if len(texts) > 1:
        raise query_error("at is given more than once")
    at: datetime | None = operand_of(MOMENT, texts[0]) if texts and texts[0].strip() else None
    return at


def versions_named(item: Item, name: str, at: datetime | None = None) -> Sequence[Version]:
    """Return the versions that a name, an ordinal or a pointer denotes, newest first.

    An alias determines one version, whatever files are called, so that no file can take its place.
    """
    pointer = pointer_of(name)
    if pointer is None:
        return lookup.named_versions(tenant_id=item.tenant_id, subject=item.pk, name=name)
    versions = Version.objects.of(item.tenant_id).filter(subject=item.pk).order_by("-timestamp", "-pk")
    if pointer.alias == LATEST:
        kept = versions if at is None else versions.filter(timestamp__lte=at)
        return list(kept[pointer.back : pointer.back + 1])
    if at is None and not pointer.back:
        return list(versions.filter(ordinal=item.aliased.get(pointer.alias)))
    move = move_at(item, pointer, at)
    return list(versions.filter(pk=move.version)) if move else []


def is_pointing(rest: str) -> bool:
    """Return whether the rest of a URL names an alias, or asks for a part of the version that it points at."""
    return any(pointer_of(reading.name) for reading in lookup.readings(rest))


def find_part(item: Item, rest: str, at: datetime | None = None) -> tuple[Version, lookup.Reading] | None:
    """Return the version that the rest of a URL names, and what of it is asked for.

    An alias goes before the names of files, so that no file takes the place of its parts either.
    """
    for reading in lookup.readings(rest):
        if pointer_of(reading.name):
            found = versions_named(item, reading.name, at)
            return (found[0], reading) if found else None
    return lookup.find_part(tenant_id=item.tenant_id, subject=item.pk, rest=rest)


def move_at(item: Item, pointer: Pointer, at: datetime | None) -> AliasMove | None:
    """Return the move that was the last one at a time, by default now, or one before it. A removal is a move too."""
    moves = AliasMove.objects.of_alias(item.tenant_id, item.pk, pointer.alias)
    known = moves if at is None else moves.filter(timestamp__lte=at)
    return known.order_by("-number")[pointer.back : pointer.back + 1].first()
