"""URLs of versions, which the routes look up by file name, then by ordinal."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.urls import reverse

from catalog.aliases.pointers import pointer_of


def shared_names(versions: Sequence[dict[str, Any]]) -> frozenset[str]:
    """Return the file names that more than one version has."""
    counted = Counter(version.get("original", "") for version in versions)
    return frozenset(name for name, times in counted.items() if times > 1)


def address_of(kind: str, pk: str, version: dict[str, Any], shared: frozenset[str]) -> str:
    """Return the URL of a version: by its file name, or by its ordinal if the name denotes something else too."""
    name, ordinal = version.get("original"), version.get("ordinal")
    key = ordinal if name is None or (ordinal and (name in shared or pointer_of(name))) else name
    return reverse(f"{kind}-versions-detail", kwargs={"pk": pk, "version": key}) if key else ""
