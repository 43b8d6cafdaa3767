"""What the routes answer of items, with as few queries for many items as for one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from catalog.models import Item
from folksonomy.models import MetadataName, Tag
from tenants.models import User
from versions.embedded import NONE, Embedded, count_versions, embedded_versions


def item_documents(
    rows: Sequence[Item], reader: User, wants: Callable[[str], bool] = lambda field: True
) -> Sequence[dict[str, Any]]:
    """Return the documents of some items as `reader` sees them; `wants` tells which fields will be looked at."""
    named = {pk for row in rows for pk in (row.owner_id, *row.users)} - {reader.pk}
    usernames = User.objects.usernames(named) | {reader.pk: reader.username}
    ids = {pk for row in rows for pk in row.datasets}
    readable = Item.objects.visible_to(reader).datasets().filter(pk__in=ids) if ids else None
    datasets = dict(readable.values_list("pk", "name")) if readable is not None else {}
    versions = _versions([row.pk for row in rows], wants)
    return [row.to_api(usernames, datasets, versions.get(row.pk, NONE)) for row in rows]


def documents_with_words(items: Sequence[Item], reader: User) -> Mapping[str, Sequence[dict[str, Any]]]:
    """Return datasets and models among the items, with their users and words, as an administrator reads all of them."""
    named = {pk for item in items for pk in (item.owner_id, *item.users)}
    words = {
        "tags": (Tag, {tag for item in items for tag in item.tags}),
        "metadata": (MetadataName, {pair["name"] for item in items for pair in item.metadata}),
    }
    documents = item_documents(items, reader)
    by_kind = {
        f"{kind}s": [document for document, item in zip(documents, items, strict=True) if item.kind == kind]
        for kind in ("dataset", "model")
    }
    users = [user.to_api() for user in User.objects.of(reader.tenant_id).filter(pk__in=named).order_by("username")]
    terms = {name: _terms(model, names, reader) for name, (model, names) in words.items()}
    return {"users": users} | terms | by_kind


def _terms(model: Any, names: Iterable[str], reader: User) -> Sequence[dict[str, Any]]:
    rows = list(model.objects.of(reader.tenant_id).filter(name__in=list(names)).order_by("name"))
    usernames = User.objects.usernames({row.owner_id for row in rows if row.owner_id})
    return [row.to_api(usernames) for row in rows]


def _versions(keys: Sequence[str], wants: Callable[[str], bool]) -> Mapping[str, Embedded]:
    if wants("versions"):
        return embedded_versions(keys)
    if wants("versions_count"):
        return {key: Embedded(count=count) for key, count in count_versions(keys).items()}
    return {}
