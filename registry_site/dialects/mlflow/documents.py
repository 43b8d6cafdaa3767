"""Models and versions as MLflow's documents."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from catalog.models import Item
from registry_site.dialects.mlflow.errors import MLflowError
from registry_site.dialects.mlflow.names import names_for, values_of
from tenants.models import User
from versions.embedded import embedded_versions
from versions.models import Version

# Metadata that are attributes of MLflow's documents: name here -> name there.
ATTRIBUTES = {"source": "source", "source_run": "run_id", "source_model": "model_id", "run_link": "run_link"}
STAGE = "stage"
STAGES = {"none": "None", "staging": "Staging", "production": "Production", "archived": "Archived"}
HIDDEN = {*ATTRIBUTES, STAGE}
MODEL_PREFIX = "m-"  # of the ids of logged models


def milliseconds(time: datetime) -> int:
    """Return the time as MLflow has it."""
    return round(time.timestamp() * 1000)


def moment(milliseconds: float) -> datetime:
    """Return the time that a client gives in milliseconds since 1970. Raises MLflowError outside of the calendar."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        raise MLflowError("A time is given in milliseconds since 1970") from None


def pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def tags_of(row: Any) -> list[dict[str, str]]:
    """Return metadata as tags, numbers as texts, and tags as tags without a value."""
    values = {key: value for key, value in values_of(row.metadata).items() if key not in HIDDEN}
    return pairs(dict.fromkeys(row.tags, "") | values)


def without_empty(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document as protocol buffers write it: what is not set is left out."""
    return {key: value for key, value in document.items() if value not in (None, [], "")}


def files_url(request: Any, path: str) -> str:
    """Return the absolute address of a folder of files, which clients read and write below."""
    return str(request.build_absolute_uri(f"/api/2.0/mlflow-artifacts/artifacts/{path}"))


def version_document(request: Any, item: Item, version: Any, name: str) -> dict[str, Any]:
    """Return a `model_version`."""
    values = values_of(version.metadata)
    attributes = {there: values.get(here) for here, there in ATTRIBUTES.items()}
    if attributes["model_id"]:
        attributes["model_id"] = f"{MODEL_PREFIX}{attributes['model_id']}"
    document = {
        "name": name,
        "version": version.ordinal,
        "creation_timestamp": milliseconds(version.timestamp),
        "last_updated_timestamp": milliseconds(version.timestamp),
        "status": "READY",
        "tags": tags_of(version),
        "aliases": sorted(alias for alias, ordinal in item.aliased.items() if ordinal == version.ordinal),
        "current_stage": values.get(STAGE, "None"),
    }
    attributes["source"] = attributes["source"] or files_url(request, f"versions/{version.id}")
    always = {"description": version.description, "run_link": attributes["run_link"] or ""}
    return without_empty(document | attributes) | always


def version_answer(request: Any, item: Item, version: Version) -> dict[str, Any]:
    """Return the answer with one version."""
    name = names_for(request.user, [item])[item.pk]
    return {"model_version": version_document(request, item, version, name)}


def model_documents(request: Any, items: Sequence[Item]) -> list[dict[str, Any]]:
    """Return each `registered_model`, with the newest version of each stage."""
    user: User = request.user
    names, newest = names_for(user, items), newest_versions(items)
    return [
        without_empty(
            {
                "name": names[item.pk],
                "creation_timestamp": milliseconds(item.timestamp),
                "last_updated_timestamp": milliseconds(item.lastmod),
                "description": item.description,
                "latest_versions": [version_document(request, item, each, names[item.pk]) for each in newest[item.pk]],
                "tags": tags_of(item),
                "aliases": [{"alias": alias, "version": ordinal} for alias, ordinal in item.aliased.items()],
            }
        )
        for item in items
    ]


def newest_versions(items: Iterable[Item]) -> Mapping[str, list[Any]]:
    """Return the newest version of each stage by model, of its newest versions (see `versions.embedded`)."""
    embedded = embedded_versions([item.pk for item in items])
    found = {key: newest_of_stages(reversed(each.newest)) for key, each in embedded.items()}
    return defaultdict(list, {key: list(stages.values()) for key, stages in found.items()})


def newest_of_stages(versions: Iterable[Any]) -> dict[str, Any]:
    """Return the first of the versions, newest first, with each stage."""
    found: dict[str, Any] = {}
    for version in versions:
        found.setdefault(values_of(version.metadata).get(STAGE, "None"), version)
    return found
