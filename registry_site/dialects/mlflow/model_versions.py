"""MLflow's model versions: versions of our models, made of drafts or of other versions."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.changes import ListChange
from catalog.drafts import add_files, copied_files, publish
from catalog.models import Item
from catalog.query_fields import VERSION_FIELDS
from catalog.services import delete_item_version, update_item, update_item_version
from registry_site.dialects.mlflow.documents import STAGE, STAGES, files_url, version_answer, version_document
from registry_site.dialects.mlflow.errors import MLflowError
from registry_site.dialects.mlflow.filters import Condition, Grammar, conditions_of
from registry_site.dialects.mlflow.names import find_model, find_version, names_for
from registry_site.dialects.mlflow.orders import keys_of, orders_of
from registry_site.dialects.mlflow.pages import Wanted, limited, page_of
from registry_site.dialects.mlflow.registered_models import (
    MODELS,
    metadata_of,
    readable_models,
    tag_change,
    unknown_stage,
)
from registry_site.dialects.mlflow.sources import Source, source_of
from registry_site.dialects.mlflow.views import DELETE, READ, WRITE, DialectView
from tenants.rest.querying.compile import to_q
from tenants.rest.querying.fields import Key, field_table
from tenants.rest.querying.parse import parse
from tenants.rows.prepared import Rows
from versions.models import Version
from versions.sent import SentFiles
from versions.upload import LONGEST_DESCRIPTION

VERSIONS = Grammar(
    texts={},
    numbers={"version_number": "number"},
    lists={"tags": "metadata"},
    pairs={"run_id": "source_run", "source_path": "source"},
    listable=("run_id",),
)
FIELDS = VERSION_FIELDS | {"number": "number?"}
ORDERS = {
    "version_number": "number",
    "creation_timestamp": "timestamp",
    "last_updated_timestamp": "timestamp",
    "timestamp": "timestamp",
}
NEWEST = (Key("timestamp", True), Key("pk", True))
STATUSES = {"Production": "production", "Staging": "test"}  # stage of a version -> status of its model
MOST = 200_000  # `max_results` of a search; a page has at most PAGE
PAGE = 1000


class ModelVersions(DialectView):
    """Routes of `model-versions`."""

    scopes: ClassVar[Mapping[str, Sequence[str]]] = {
        "create": WRITE,
        "update": WRITE,
        "destroy": DELETE,
        "get": READ,
        "search": READ,
        "uri": READ,
        "set_tag": WRITE,
        "delete_tag": WRITE,
        "transition": WRITE,
    }

    def _found(self, *, changes: bool = False) -> tuple[Item, Version]:
        name = self.sent.text("name")
        item = find_model(self, name, changes=changes)
        return item, find_version(item, name, self.sent.text("version"))

    def _answer(self, item: Item, version: Version) -> Response:
        return Response(version_answer(self.request, item, version))

    def create(self, request: Request) -> Response:
        """Make a version of what the source names, which the caller may read here; nothing is fetched."""
        sent = self.sent
        item, uri = find_model(self, sent.text("name"), changes=True), sent.text("source")
        source = source_of(self, uri, sent.text("run_id", ""), sent.text("model_id", ""))
        link = sent.text("run_link", "")
        metadata = [*metadata_of(sent.pairs("tags")), {"name": "source", "value": uri}]
        metadata += [{"name": "run_link", "value": link}] if link else []
        description = sent.text("description", "", longest=LONGEST_DESCRIPTION)
        if isinstance(source, Source):
            about: Any = {"path": source.path, "metadata": metadata, "description": description}
            return self._answer(item, publish(draft=source.draft, item=item, by=self.user, **about))
        known = {pair["name"] for pair in metadata}
        metadata += [pair for pair in source.metadata if pair["name"] not in {*known, STAGE}]
        files = SentFiles(copied_files(source), source.original, description, self.user.pk, source.tags, metadata)
        return self._answer(item, add_files(item=item, sent=files, by=self.user))

    def update(self, request: Request) -> Response:
        item, version = self._found(changes=True)
        changes = {"description": self.sent.text("description", "", longest=LONGEST_DESCRIPTION)}
        return self._answer(item, update_item_version(item=item, version=version, by=self.user, changes=changes))

    def destroy(self, request: Request) -> Response:
        """Delete a version. An alias that points at it must be removed first."""
        item, version = self._found(changes=True)
        delete_item_version(item=item, version=version, by=self.user)
        return Response({})

    def get(self, request: Request) -> Response:
        return self._answer(*self._found())

    def uri(self, request: Request) -> Response:
        """Return where the files of the version are: an absolute address of this registry."""
        _, version = self._found()
        return Response({"artifact_uri": files_url(self.request, f"versions/{version.pk}")})

    def set_tag(self, request: Request) -> Response:
        return self._tagged(self.sent.text("value", ""))

    def delete_tag(self, request: Request) -> Response:
        return self._tagged(None)

    def _tagged(self, value: str | None) -> Response:
        item, version = self._found(changes=True)
        if changes := tag_change(version, self.sent.key(), value):
            update_item_version(item=item, version=version, by=self.user, changes=changes)
        return Response({})

    def transition(self, request: Request) -> Response:
        """Set the stage of a version, and the status of its model."""
        sent = self.sent
        item, version = self._found(changes=True)
        stage, archives = STAGES.get(sent.text("stage").lower()), sent.flag("archive_existing_versions")
        if stage is None:
            raise unknown_stage(sent.text("stage"))
        if archives and stage not in STATUSES:
            raise MLflowError(
                "Model version transition cannot archive existing model versions because "
                f"'{stage}' is not an Active stage. Valid stages are {list(STATUSES)}"
            )
        for other in self._of_stage(item, stage).exclude(pk=version.pk) if archives else ():
            update_item_version(item=item, version=other, by=self.user, changes=_staged("Archived"))
        changed = update_item_version(item=item, version=version, by=self.user, changes=_staged(stage))
        if stage in STATUSES and item.status != STATUSES[stage]:
            item = update_item(item=item, by=self.user, changes={"status": STATUSES[stage]})
        return self._answer(item, changed)

    @staticmethod
    def _of_stage(item: Item, stage: str) -> Any:
        staged = {"name": STAGE, "value": stage}
        return Version.objects.of(item.tenant_id).filter(subject=item.pk, metadata__holds=staged)

    def search(self, request: Request) -> Response:
        """Return a page of the versions of the models that the caller may read."""
        sent = self.sent
        limit = min(limited(sent, 10_000, MOST), PAGE)
        conditions = conditions_of(sent.text("filter", ""))
        of_models = [each for each in conditions if not each.entity and each.key == "name"]
        filter = VERSIONS.filter_of([each for each in conditions if each not in of_models])
        keys = keys_of(orders_of(sent.texts("order_by")), ORDERS, NEWEST)
        rows = Rows.of(self._versions(of_models))
        wanted = Wanted(filter, keys, limit, sent.text("page_token", ""))
        versions, token = page_of(rows, FIELDS, wanted)
        documents = self._documents(versions)
        answer: dict[str, Any] = {"model_versions": documents} if documents else {}
        return Response(answer | ({"next_page_token": token} if token else {}))

    def _versions(self, of_models: Sequence[Condition]) -> Any:
        """Return the versions of the readable models that satisfy the conditions."""
        models = readable_models(self.user)
        if of_models:
            filter = MODELS.filter_of(of_models)
            models = models.filter(to_q(parse(orjson.dumps(filter).decode(), field_table({"name": "text"}))))
        return Version.objects.of(self.user.tenant_id).filter(subject__in=models.values("pk"))

    def _documents(self, versions: Sequence[Version]) -> list[dict[str, Any]]:
        items = {item.pk: item for item in Item.objects.filter(pk__in={version.subject for version in versions})}
        names = names_for(self.user, items.values())
        there = [version for version in versions if version.subject in items]
        return [version_document(self.request, items[each.subject], each, names[each.subject]) for each in there]


def _staged(stage: str) -> Mapping[str, Any]:
    return {"metadata": ListChange(add=[{"name": STAGE, "value": stage}])}
