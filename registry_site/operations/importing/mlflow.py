"""Imports the registered models of an MLflow server. docs/import.md describes the mapping."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from registry_site.operations.importing.conversion import key_of
from registry_site.operations.importing.items import import_item
from registry_site.operations.importing.mlflow_client import MALFORMED, Document, MLflowClient, MLflowError
from registry_site.operations.importing.source import SourceFile, SourceItem, SourceVersion
from registry_site.operations.importing.target import ImportTarget
from tenants.models import User
from tenants.rows.fields import INT64

# The most advanced stage of any version decides the model's status; the most advanced comes first.
STATUSES = (("Production", "production"), ("Staging", "test"))
INTEGER = re.compile(r"-?[0-9]{1,19}")
BOOLEANS = {"true": True, "false": False}
INTERNAL_PREFIX = "mlflow."  # of MLflow's internal tags


def import_models(client: MLflowClient, target: ImportTarget, *, owner: User, visibility: str) -> None:
    """Import all registered models, with `owner` as their owner."""
    target.users_by_source_id[owner.pk] = owner
    try:
        models, versions = client.models(), client.versions()
    except MALFORMED as error:
        raise MLflowError(f"MLflow's list of models or versions is malformed ({type(error).__name__})") from None
    for done, model in enumerate(models, 1):
        try:
            registered = RegisteredModel(client, model, versions.get(str(model["name"]), ()), target.tenant.pk)
            item = registered.item(owner.pk, visibility)
        except MALFORMED as error:
            target.report.left_out("model", str(model)[:80], f"MLflow's answer is malformed ({type(error).__name__})")
            continue
        import_item(target, item)
        target.report.progress(f"{target.tenant.pk}: models", done, len(models))


class RegisteredModel:
    """A registered model with its versions and their runs."""

    def __init__(self, client: MLflowClient, model: Document, versions: Sequence[Document], tenant_id: str) -> None:
        self.client, self.model, self.versions, self.name = client, model, versions, str(model["name"])
        # Not derived from the server's address, which may change between imports.
        self.id = key_of("mlflow", tenant_id, self.name, str(model.get("creation_timestamp")))
        self.runs = {id: client.run(id) for version in versions if (id := str(version.get("run_id", "")))}

    def item(self, owner: str, visibility: str) -> SourceItem:
        """Return the model as a source item."""
        stages = {version.get("current_stage") for version in self.versions}
        return SourceItem(
            kind="model",
            id=self.id,
            name=self.name,
            owner=owner,
            timestamp=moment(self.model.get("creation_timestamp")),
            lastmod=moment(self.model.get("last_updated_timestamp")),
            visibility=visibility,
            status=next((status for stage, status in STATUSES if stage in stages), "training"),
            tags=[key for key, value in pairs(self.model, "tags") if not value],
            metadata=self._metadata(),
            description=str(self.model.get("description") or ""),
            versions=[self._version(version) for version in self.versions],
            aliases=[(str(each["alias"]), str(each["version"])) for each in self.model.get("aliases", ())],
        )

    def _metadata(self) -> list[tuple[str, Any]]:
        """Return the model's metadata, including the run of its leading version."""
        leading = leading_version(self.versions)
        run = self.runs.get(str(leading.get("run_id", "")), {})
        sources: dict[str, Sequence[tuple[str, Any]]] = {
            "tag": [(key, value) for key, value in pairs(self.model, "tags") if value],
            "run": [("mlflow.run_id", leading["run_id"])] if run else [],
            "param": [(key, typed(value)) for key, value in pairs(run, "params")],
            "metric": [(key, number(value)) for key, value in pairs(run, "metrics")],
        }
        return named_apart(sources)

    def _version(self, version: Document) -> SourceVersion:
        return SourceVersion(
            name=f"{self.name}-{version['version']}",
            ordinal=str(version["version"]),
            timestamp=moment(version.get("creation_timestamp")),
            files=partial(self._files, version),
            description=str(version.get("description") or ""),
            tags=[key for key, value in pairs(version, "tags") if not value],
            metadata=self._metadata_of(version),
        )

    def _metadata_of(self, version: Document) -> list[tuple[str, Any]]:
        """Return the tags, stage, run, metrics and params of a version."""
        run_id, stage = str(version.get("run_id", "")), version.get("current_stage")
        run = self.runs.get(run_id, {})
        return named_apart(
            {
                "tag": [(key, value) for key, value in pairs(version, "tags") if value],
                "stage": [("mlflow.stage", stage)] if stage and stage != "None" else [],
                "run": [("mlflow.run_id", run_id)] if run else [],
                "metric": [(key, number(value)) for key, value in pairs(run, "metrics")],
                "param": [(key, typed(value)) for key, value in pairs(run, "params")],
            }
        )

    def _files(self, version: Document) -> Sequence[SourceFile]:
        """Return the artifacts of a version."""
        root, paths = self.client.artifacts(version)
        return [SourceFile(partial(self.client.artifact, root, path), path) for path in paths]


def named_apart(sources: Mapping[str, Sequence[tuple[str, Any]]]) -> list[tuple[str, Any]]:
    """Return the values of all sources; a name that an earlier source has gets the source added."""
    known: dict[str, Any] = {}
    for source, named in sources.items():
        for name, value in named:
            known[name if name not in known else f"{name} ({source})"] = value
    return list(known.items())


def leading_version(versions: Sequence[Document]) -> Document:
    """Return the newest version in production, or else the newest version."""
    in_production = [version for version in versions if version.get("current_stage") == STATUSES[0][0]]
    return [{}, *versions, *in_production][-1]


def pairs(document: Document, field: str) -> list[tuple[str, Any]]:
    """Return a list of keys and values without MLflow's internal ones."""
    entries = ((str(entry["key"]), entry.get("value", "")) for entry in document.get(field, ()))
    return [(key, value) for key, value in entries if not key.startswith(INTERNAL_PREFIX)]


def typed(text: str) -> Any:
    """Return a parameter's text as a number or boolean if it is one, else as text."""
    if text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()]
    try:
        value = int(text) if INTEGER.fullmatch(text) else float(text)
    except ValueError:
        return text
    # Python also accepts underscores and other notations in numbers.
    fits = value in INT64 if isinstance(value, int) else math.isfinite(value)
    return value if fits and "_" not in text else text


def number(value: Any) -> Any:
    """Return a metric's value; as text if JSON cannot represent it as a number."""
    try:
        finite = math.isfinite(float(value))
    except (TypeError, ValueError):
        finite = False
    return float(value) if finite else str(value)


def moment(milliseconds: Any) -> datetime:
    """Return a time from MLflow's milliseconds."""
    return datetime.fromtimestamp(int(milliseconds or 0) / 1000, UTC)
