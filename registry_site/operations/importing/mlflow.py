"""Turns the models of an MLflow registry into ours.

docs/import.md says what becomes of what.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from zipfile import ZipFile, ZipInfo

from registry_site.operations.importing.fitting import key_of
from registry_site.operations.importing.mlflow_server import MALFORMED, Document, Failed, MLflow
from registry_site.operations.importing.people import ImportTarget
from registry_site.operations.importing.shapes import File, SourceItem
from registry_site.operations.importing.things import import_item
from tenants.models import User
from tenants.rows.fields import INT64

# The stage that any version has reached decides on the status of the model, the furthest first.
STATUSES = (("Production", "production"), ("Staging", "test"))
WHOLE = re.compile(r"-?[0-9]{1,19}")
BOOLEANS = {"true": True, "false": False}
OWN_TAGS = "mlflow."  # MLflow's notes to itself start so
A_TIME = (1980, 1, 1, 0, 0, 0)  # of every file in a zip, so that the same files give the same bytes
READABLE = 0o644 << 16


def bring(mlflow: MLflow, landing: ImportTarget, *, owner: User, visibility: str) -> None:
    """Bring all registered models, as models of `owner`."""
    landing.people[owner.pk] = owner
    try:
        models, versions = mlflow.models(), mlflow.versions()
    except MALFORMED as error:
        raise Failed(f"MLflow's list of models or versions is malformed ({type(error).__name__})") from None
    for done, model in enumerate(models, 1):
        try:
            registered = Registered(mlflow, model, versions.get(str(model["name"]), ()), landing.tenant.pk)
            thing = registered.thing(owner.pk, visibility)
        except MALFORMED as error:
            landing.report.left_out("model", str(model)[:80], f"MLflow's answer is malformed ({type(error).__name__})")
            continue
        import_item(landing, thing)
        landing.report.progress(f"{landing.tenant.pk}: models", done, len(models))


class Registered:
    """A registered model with its versions and the runs that made them."""

    def __init__(self, mlflow: MLflow, model: Document, versions: Sequence[Document], tenant_id: str) -> None:
        self.mlflow, self.model, self.versions, self.name = mlflow, model, versions, str(model["name"])
        # The server's address is no part of it: that may change from one run to the next.
        self.id = key_of("mlflow", tenant_id, self.name, str(model.get("creation_timestamp")))
        self.runs = {id: mlflow.run(id) for version in versions if (id := str(version.get("run_id", "")))}

    def thing(self, owner: str, visibility: str) -> SourceItem:
        """Return the model as one of ours."""
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
            tags=[alias["alias"] for alias in self.model.get("aliases", ())]
            + [key for key, value in pairs(self.model, "tags") if not value],
            metadata=self._metadata(),
            files=[self._file(version) for version in self.versions],
        )

    def _metadata(self) -> list[tuple[str, Any]]:
        """Return what is known of the model, and of the run of its leading version."""
        leading = leading_version(self.versions)
        run = self.runs.get(str(leading.get("run_id", "")), {})
        described = [("description", self.model["description"])] if self.model.get("description") else []
        sources: dict[str, Sequence[tuple[str, Any]]] = {
            "tag": described + [(key, value) for key, value in pairs(self.model, "tags") if value],
            "alias": [(f"alias.{alias['alias']}", str(alias["version"])) for alias in self.model.get("aliases", ())],
            "run": [("mlflow.run_id", leading["run_id"])] if run else [],
            "param": [(key, typed(value)) for key, value in pairs(run, "params")],
            "metric": [(key, number(value)) for key, value in pairs(run, "metrics")],
        }
        known: dict[str, Any] = {}
        for source, named in sources.items():
            for name, value in named:
                known[name if name not in known else f"{name} ({source})"] = value
        return list(known.items())

    def _file(self, version: Document) -> File:
        return File(
            name=f"{self.name}-{version['version']}.zip",
            ordinal=str(version["version"]),
            mimetype="application/zip",
            encoding="binary",
            timestamp=moment(version.get("creation_timestamp")),
            open=self._opener(version),
            description=self._description(version),
        )

    def _opener(self, version: Document) -> Callable[[], Any]:
        @contextmanager
        def opened() -> Iterator[Iterator[bytes]]:
            root, paths = self.mlflow.artifacts(version)
            yield zipped(paths, lambda path: self.mlflow.artifact(root, path))

        return opened

    def _description(self, version: Document) -> str:
        """Return what MLflow says of a version, and, as JSON a line, what belongs to it alone."""
        run_id = str(version.get("run_id", ""))
        run = self.runs.get(run_id, {})
        facts = {
            "stage": version.get("current_stage") if version.get("current_stage") != "None" else None,
            "tags": dict(pairs(version, "tags")),
            "run": run_id,
            "params": {key: typed(value) for key, value in pairs(run, "params")},
            "metrics": {key: number(value) for key, value in pairs(run, "metrics")},
        }
        lines = [f"{name}: {json.dumps(fact, ensure_ascii=False)}" for name, fact in facts.items() if fact]
        described = version.get("description")
        return "\n".join([str(described), *lines] if described else lines)


def leading_version(versions: Sequence[Document]) -> Document:
    """Return the newest version in production, or else the newest of all."""
    in_production = [version for version in versions if version.get("current_stage") == STATUSES[0][0]]
    return [{}, *versions, *in_production][-1]


def pairs(document: Document, field: str) -> list[tuple[str, Any]]:
    """Return a list of keys and values, without MLflow's notes to itself."""
    entries = ((str(entry["key"]), entry.get("value", "")) for entry in document.get(field, ()))
    return [(key, value) for key, value in entries if not key.startswith(OWN_TAGS)]


def typed(text: str) -> Any:
    """Return the number or boolean that a parameter's text is, or else the text."""
    if text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()]
    try:
        value = int(text) if WHOLE.fullmatch(text) else float(text)
    except ValueError:
        return text
    # Python's float reads more than numbers are written with.
    fits = value in INT64 if isinstance(value, int) else math.isfinite(value)
    return value if fits and "_" not in text else text


def number(value: Any) -> Any:
    """Return a metric's value; those that JSON has no number for come as text."""
    try:
        finite = math.isfinite(float(value))
    except (TypeError, ValueError):
        finite = False
    return float(value) if finite else str(value)


def moment(milliseconds: Any) -> datetime:
    """Return the time that MLflow means."""
    return datetime.fromtimestamp(int(milliseconds or 0) / 1000, UTC)


class Outlet:
    """Where a zip writes, and what it wrote is taken from: nothing of it is kept."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken, self.written = b"".join(self.written), []
        return taken


def zipped(paths: Sequence[str], open: Callable[[str], Any]) -> Iterator[bytes]:
    """Give a zip of the files, bit by bit; the same files always give the same bytes."""
    outlet = Outlet()
    with ZipFile(outlet, "w") as archive:  # type: ignore[call-overload]
        for path in paths:
            about = ZipInfo(path, A_TIME)
            about.external_attr = READABLE
            with open(path) as chunks, archive.open(about, "w", force_zip64=True) as entry:
                for chunk in chunks:
                    entry.write(chunk)
                    yield outlet.take()
    yield outlet.take()
