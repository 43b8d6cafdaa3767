"""URLs and pages of versions: their files, README.md, words, and what changed since another version."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.urls import reverse

from catalog.aliases.pointers import pointer_of
from catalog.drafts import drafts_of
from catalog.models import Item
from registry_site.dialects.mlflow.mlmodel import described
from registry_site.pages.drafts import series
from registry_site.pages.markdown import LONGEST, render
from registry_site.pages.overview import mlflow_snippet
from registry_site.pages.tables import Collection, Column
from registry_site.pages.tree import Place, tree_of
from tenants.models import User
from tenants.rows.texts import unreadable
from versions.files import find_file
from versions.lookup import named_versions, version_before
from versions.models import Version
from versions.storage import store

README = "README.md"
README_BYTES = 4 * LONGEST  # of which the rendered characters are
DIFFERENCES = 100  # files of each kind that a page shows
Page = tuple[str, dict[str, Any]]  # template and context
FILES = Collection(
    title="Files",
    one="file",
    many="files",
    columns=(
        Column("path", "File", "file"),
        Column("size", "Size", "size"),
        Column("mimetype", "Type"),
        Column("sha256", "SHA-256", "code"),
    ),
    sorts={"Path": ""} | {"Largest first": '{"size":"desc"}'},
    example='{"size": {"$gt": 1000000}}',
)


def shared_names(versions: Sequence[dict[str, Any]]) -> frozenset[str]:
    """Return the file names that more than one version has."""
    counted = Counter(version.get("original", "") for version in versions)
    return frozenset(name for name, times in counted.items() if times > 1)


def address_of(kind: str, pk: str, version: dict[str, Any], shared: frozenset[str]) -> str:
    """Return the URL of a version: by its file name, or by its ordinal if the name denotes something else too."""
    name, ordinal = version.get("original"), version.get("ordinal")
    key = ordinal if name is None or (ordinal and (name in shared or pointer_of(name))) else name
    return reverse(f"{kind}-versions-detail", kwargs={"pk": pk, "version": key}) if key else ""


def pairs_of(metadata: Sequence[Mapping[str, Any]]) -> Sequence[dict[str, str]]:
    """Return metadata as the forms show them: each value as text, with its type."""
    return [_pair(each) for each in metadata]


def _pair(pair: Mapping[str, Any]) -> dict[str, str]:
    value = pair["value"]
    if isinstance(value, str):
        return {"name": pair["name"], "text": value, "type": "text"}
    return {
        "name": pair["name"],
        "text": json.dumps(value),
        "type": "boolean" if isinstance(value, bool) else "number",
    }


def version_page(view: Any, document: Mapping[str, Any], caller: User) -> Page:
    """Return the page of what a URL asks for of a version: of its files, or of a comparison."""
    item, version, reading = view.read_part
    template, context = VERSION_PAGES[reading.part]
    items = f"{item.kind}s"  # not the route's, because names of versions end like the URLs of parts
    place = _place(view, item, version, f"{items}-versions")
    about = {
        "item": item,
        "pk": item.pk,
        "route": items,
        "version": version.to_api(),
        "address": reverse(f"{place.route}-detail", kwargs={"pk": item.pk, "version": place.key}),
        "item_address": reverse(f"{items}-detail", kwargs={"pk": item.pk}),
    }
    return template, about | context(place, item, document, caller)


def _place(view: Any, item: Item, version: Version, route: str) -> Place:
    """Return what the query asks for; an unreadable path is none."""
    asked = {name: view.request.query_params.get(name, "") for name in ("prefix", "after")}
    prefix, after = ("" if unreadable(text) else text for text in asked.values())
    if prefix and not prefix.endswith("/"):
        prefix += "/"
    # The ordinal, unless a version has it as its name.
    found = named_versions(tenant_id=item.tenant_id, subject=item.pk, name=version.ordinal)
    key = version.ordinal if found and found[0].pk == version.pk else version.original
    return Place(version, route, item.pk, key, prefix, after, view.request.query_params.get("metric", ""))


def _files_context(place: Place, item: Item, document: Mapping[str, Any], caller: User) -> dict[str, Any]:
    version, before = place.version, version_before(place.version)
    description, is_cut = _readme(place) if version.is_folder and not (place.prefix or place.after) else ("", False)
    words = version.to_api() | {"pairs": pairs_of(version.metadata)}
    words["by_ordinal"] = reverse(f"{place.route}-detail", kwargs={"pk": item.pk, "version": place.key})
    model = described(version) if item.kind == "model" else None
    aliases = [name for name, ordinal in item.aliased.items() if ordinal == version.ordinal]
    return {
        "version": words,
        "model": model,
        "mlflow": _mlflow_snippet(item, version, aliases, caller) if model and model.is_pyfunc else "",
        "count": version.files,
        "is_folder": version.is_folder,
        "creator": document.get("created_by"),
        "before": before.ordinal if before else "",
        "aliases": aliases,
        "tree": tree_of(place),
        "prefix": place.prefix,
        "readme": description,
        "readme_is_cut": is_cut,
        "series": series(drafts_of(version), place.metric),
        "may_change": item.is_changeable_by(caller),
    }


def _mlflow_snippet(item: Item, version: Version, aliases: Sequence[str], caller: User) -> str:
    alias = "production" if "production" in aliases else next(iter(aliases), "")
    return mlflow_snippet(item, f"@{alias}" if alias else f"/{version.ordinal}", caller)


def _readme(place: Place) -> tuple[str, bool]:
    """Return the rendered README.md at the top of a folder, and whether it is longer; empty if there is none."""
    file = find_file(place.version, README)
    if file is None:
        return "", False
    try:
        with store().read(file.key, 0, min(file.size, README_BYTES)) as stored:
            text = stored.read(README_BYTES).decode(errors="replace")
    except OSError:  # the version was deleted meanwhile, or the store fails: the page is useful without it
        return "", False
    return render(text, place.file(README).removesuffix(README)), file.size > README_BYTES or len(text) > LONGEST


def _difference_context(place: Place, item: Item, document: Mapping[str, Any], caller: User) -> dict[str, Any]:
    kinds = [
        (kind, document[f"{kind}_count"], document[kind][:DIFFERENCES]) for kind in ("added", "removed", "changed")
    ]
    return {"old": document["from"], "kinds": kinds, "metadata": document["metadata"]}


VERSION_PAGES: dict[str, tuple[str, Callable[[Place, Item, Mapping[str, Any], User], dict[str, Any]]]] = {
    "": ("browsable/version.html", _files_context),
    "info": ("browsable/version.html", _files_context),
    "diff": ("browsable/difference.html", _difference_context),
}
