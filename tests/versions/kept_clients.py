"""Storages that share a store's client: each test would take a tenth of a second to make one and to log in."""

from typing import Any

from django.utils.module_loading import import_string

KEPT = f"{__name__}.with_kept_client"  # a BACKEND of STORAGES, whose OPTIONS name the real one
_storages: dict[str, Any] = {}


def with_kept_client(*, backend: str, location: str, **options: Any) -> Any:
    """Return the storage with these options, which the first caller makes, at this location for now."""
    key = repr((backend, sorted(options.items())))
    if key not in _storages:
        _storages[key] = import_string(backend)(location=location, **options)
    storage = _storages[key]
    for copy in ("probe", "public"):  # they are copies of the storage, made when they are first needed
        if copy in storage.__dict__:
            storage.__dict__[copy].location = location
    storage.location = location
    return storage
