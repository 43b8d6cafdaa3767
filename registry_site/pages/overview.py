"""What the page of an item tells beyond its fields: how to use it, trends, lineage, and what its deletion removes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, Sum
from django.urls import reverse

from catalog.models import FormerName, Item
from registry_site.dialects.mlflow.mlmodel import is_model, load_line
from tenants.models import User
from versions.models import Version
from versions.sent import FOLDER_TYPE

LINKED = 20  # items of a kind that the page of a dataset names
TRENDS = 12
WIDTH, HEIGHT, EDGE = 160, 36, 4  # of a trend, in units of its picture
TYPES = {"number": "Numbers", "text": "Texts", "boolean": "Yes or no"}
FORMER = 50  # items that had a name


@dataclass(frozen=True)
class Trend:
    """A number over the versions of an item: the points of its line, and the values as text."""

    name: str
    points: str
    end: tuple[float, float]
    values: Sequence[tuple[str, float]]


def grouped(pairs: Sequence[Mapping[str, str]]) -> Sequence[tuple[str, Sequence[Mapping[str, str]]]]:
    """Return the metadata by type, each group in the item's order."""
    groups = [(label, [pair for pair in pairs if pair["type"] == kind]) for kind, label in TYPES.items()]
    return [group for group in groups if group[1]]


def trends(versions: Sequence[Mapping[str, Any]]) -> Sequence[Trend]:
    """Return the numbers that at least two of the versions, oldest first, have."""
    series: dict[str, list[tuple[str, float]]] = {}
    for version in versions:
        for pair in version.get("metadata", ()):
            if isinstance(pair["value"], int | float) and not isinstance(pair["value"], bool):
                series.setdefault(pair["name"], []).append((version.get("ordinal", ""), pair["value"]))
    return [_trend(name, values) for name, values in series.items() if len(values) > 1][:TRENDS]


def _trend(name: str, values: Sequence[tuple[str, float]]) -> Trend:
    numbers = [float(value) for _, value in values]
    low, span = min(numbers), (max(numbers) - min(numbers)) or 1.0
    step = (WIDTH - 2 * EDGE) / (len(numbers) - 1)
    at = [
        (EDGE + place * step, HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * ((number - low) / span))
        for place, number in enumerate(numbers)
    ]
    return Trend(name, " ".join(f"{x:.1f},{y:.1f}" for x, y in at), (round(at[-1][0], 1), round(at[-1][1], 1)), values)


def uses(pk: str, caller: User) -> Sequence[dict[str, Any]]:
    """Return the items that use a dataset, by kind: those that the caller may read, by name, and whether more do."""
    using = Item.objects.visible_to(caller).filter(datasets__holds=pk).order_by("-timestamp", "-pk")
    groups = []
    for kind in ("model", "algorithm"):
        rows = list(using.filter(kind=kind).values_list("pk", "name")[: LINKED + 1])
        links = [(name, reverse(f"{kind}s-detail", args=(key,))) for key, name in rows[:LINKED]]
        more = len(rows) > LINKED
        groups.append({"kind": f"{kind}s", "links": links, "more": more, "count": f"{len(links)}{'+' if more else ''}"})
    return groups


def deletion(item: Item) -> dict[str, Any]:
    """Return what the deletion of an item removes, and how many items block it."""
    of_item = Version.objects.of(item.tenant_id).filter(subject=item.pk)
    totals = of_item.aggregate(count=Count("pk"), bytes=Sum("size"))
    using = Item.objects.of(item.tenant_id).filter(datasets__holds=item.pk)
    return {
        "versions": totals["count"],
        "bytes": totals["bytes"] or 0,
        "aliases": len(item.aliases),
        "blocked": item.kind == "dataset" and using.exists(),
    }


def snippets(route: str, item: Item, versions: Sequence[Mapping[str, Any]], caller: User) -> Sequence[tuple[str, str]]:
    """Return how programs read the item: what is in production, or the newest version, or its fields.

    With a folder that MLflow's clients load, that is the first way.
    """
    address = f"{settings.PUBLIC_URL.rstrip('/')}{reverse(f'{route}-detail', args=(item.pk,))}"
    newest = versions[-1].get("ordinal", "") if versions else ""
    chosen = "@production" if "production" in item.aliased else newest
    if not chosen:
        return (
            ("curl", f'curl -fsS "{address}" -H "Authorization: Bearer $TOKEN"'),
            ("Python", f'{IMPORTS}item = requests.get("{address}", headers=headers).json()'),
        )
    file = f"{address}/versions/{chosen}"
    return (
        *_mlflow(item, chosen, versions, caller),
        ("curl", f'curl -fOJL "{file}" -H "Authorization: Bearer $TOKEN"'),
        ("Python", f'{IMPORTS}response = requests.get("{file}", headers=headers)\nresponse.raise_for_status()\n{SAVE}'),
    )


def _mlflow(item: Item, chosen: str, versions: Sequence[Mapping[str, Any]], caller: User) -> Sequence[tuple[str, str]]:
    """Return how MLflow's client loads the version `@production` or with an ordinal, if it is a folder for it."""
    ordinal = item.aliased["production"] if chosen == "@production" else chosen
    is_folder = any(each.get("ordinal") == ordinal and each.get("mimetype") == FOLDER_TYPE for each in versions)
    if item.kind != "model" or not is_folder or not is_model(item, ordinal):
        return ()
    return (("MLflow", mlflow_snippet(item, chosen if chosen == "@production" else f"/{chosen}", caller)),)


def mlflow_snippet(item: Item, chosen: str, caller: User) -> str:
    """Return how MLflow's client loads a version of a model for the caller, by `@alias` or `/ordinal`."""
    uri = f'mlflow.set_registry_uri("{settings.PUBLIC_URL.rstrip("/")}")  # MLFLOW_TRACKING_TOKEN is your token'
    name = item.name
    if item.owner_id != caller.pk:  # the name alone may be a model of the caller's
        owner = User.objects.usernames_in_items({item.owner_id}).get(item.owner_id)
        name = f"{owner}/{name}" if owner else name
    return f"import mlflow\n\n{uri}\n{load_line(name, chosen)}"


IMPORTS = 'import os\nimport requests\n\nheaders = {"Authorization": f"Bearer {os.environ[\'TOKEN\']}"}\n'
SAVE = 'open("model", "wb").write(response.content)'


def address_of_name(kind: str, name: str, caller: User) -> str:
    """Return the URL of the page of the readable item that has, or else had, this name; empty if there is none."""
    readable = Item.objects.visible_to(caller).filter(kind=kind).order_by("-timestamp", "-pk")
    found = readable.filter(name=name).first()
    if found is None:
        former = FormerName.objects.of(caller.tenant_id).filter(kind=kind, name=name).order_by("-timestamp", "-pk")
        keys = list(former.values_list("item", flat=True)[:FORMER])
        items = {item.pk: item for item in readable.filter(pk__in=keys)} if keys else {}
        found = next((items[key] for key in keys if key in items), None)
    return reverse(f"{kind}s-detail", args=(found.pk,)) if found else ""
