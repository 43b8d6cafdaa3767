"""MLflow's experiments: groups of a user's drafts."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from registry_site.dialects.mlflow.documents import files_url, milliseconds, pairs
from registry_site.dialects.mlflow.errors import EXISTS, MLflowError, missing
from registry_site.dialects.mlflow.filters import Grammar, conditions_of
from registry_site.dialects.mlflow.orders import keys_of, orders_of
from registry_site.dialects.mlflow.pages import Wanted, limited, page_of
from registry_site.dialects.mlflow.views import READ, WRITE, Arguments, DialectView
from tenants.exceptions import Refused
from tenants.rest.querying.fields import Key
from tenants.rows.fields import now
from tenants.rows.prepared import Rows
from tenants.rows.texts import shown
from versions import drafts
from versions.draft_models import DEFAULT_EXPERIMENT, Experiment

TIMES = {"creation_time": "timestamp", "last_update_time": "lastmod"}
EXPERIMENTS = Grammar(
    texts={"name": "name", "experiment_id": "_id"},
    numbers={},
    lists={"tags": "tags"},
    times=TIMES,
    listable=("experiment_id",),
)
FIELDS = {"_id": "text:pk", "name": "text", "tags": "pairs", "timestamp": "date", "lastmod": "date"}
ORDERS = {"name": "name", "experiment_id": "pk"} | TIMES
NEWEST = (Key("timestamp", True), Key("pk", True))
VIEWS = {"": "active", "ACTIVE_ONLY": "active", "DELETED_ONLY": "deleted", "ALL": "all", "1": "active"}
VIEWS |= {"2": "deleted", "3": "all"}


def of_lifecycle(rows: Any, view_type: str) -> Any:
    """Return the rows that are not deleted, only the deleted ones, or all."""
    wanted = VIEWS.get(view_type)
    if wanted is None:
        raise MLflowError(f"Invalid run_view_type '{shown(view_type)}'")
    return rows if wanted == "all" else rows.filter(Q(deleted=None) if wanted == "active" else ~Q(deleted=None))


class Experiments(DialectView):
    """Routes of `experiments`."""

    scopes: ClassVar[Mapping[str, Sequence[str]]] = {
        "create": WRITE,
        "search": READ,
        "get": READ,
        "by_name": READ,
        "destroy": WRITE,
        "restore": WRITE,
        "update": WRITE,
        "set_tag": WRITE,
        "delete_tag": WRITE,
    }

    def document(self, experiment: Experiment) -> dict[str, Any]:
        return {
            "experiment_id": experiment.pk,
            "name": experiment.name,
            "artifact_location": files_url(self.request, "drafts"),
            "lifecycle_stage": "deleted" if experiment.deleted else "active",
            "last_update_time": milliseconds(experiment.lastmod),
            "creation_time": milliseconds(experiment.timestamp),
            "workspace": experiment.tenant_id,
        } | ({"tags": pairs(drafts.values_of(experiment.tags))} if experiment.tags else {})

    def _found(self, sent: Arguments) -> Experiment:
        id = sent.text("experiment_id")
        try:
            return drafts.find_experiment(owner=self.user, id=id)
        except Refused:
            raise missing(f"No Experiment with id={shown(id)} exists") from None

    def create(self, request: Request) -> Response:
        sent = self.sent
        name = sent.text("name")
        try:
            made = drafts.begin_experiment(owner=self.user, name=name, tags=sent.pairs("tags"))
        except Refused as error:
            if "already" in str(error):
                raise MLflowError(f"Experiment(name={shown(name)}) already exists.", EXISTS) from None
            raise
        return Response({"experiment_id": made.pk})

    def get(self, request: Request) -> Response:
        return Response({"experiment": self.document(self._found(self.sent))})

    def by_name(self, request: Request) -> Response:
        name = self.sent.text("experiment_name")
        try:
            return Response({"experiment": self.document(drafts.find_experiment(owner=self.user, name=name))})
        except Refused:
            raise missing(f"Could not find experiment with name '{shown(name)}'") from None

    def search(self, request: Request) -> Response:
        """Return a page of the caller's experiments; the default one is the last of all."""
        sent = self.sent
        filter = EXPERIMENTS.filter_of(conditions_of(sent.text("filter", "")))
        mine = Experiment.objects.of(self.user.tenant_id).filter(owner_id=self.user.pk)
        rows = Rows.of(of_lifecycle(mine, sent.text("view_type", "")))
        keys, limit = keys_of(orders_of(sent.texts("order_by")), ORDERS, NEWEST), limited(sent, 1000, 50_000)
        found, token = page_of(rows, FIELDS, Wanted(filter, keys, min(limit, 1000), sent.text("page_token", "")))
        if not token and not filter and VIEWS[sent.text("view_type", "")] != "deleted":
            found.append(drafts.default_experiment(self.user))
        documents = [self.document(each) for each in found]
        return Response(({"experiments": documents} if found else {}) | ({"next_page_token": token} if token else {}))

    def _changed(self, change: Any) -> Response:
        found = self._found(self.sent)
        drafts.change_experiment(owner=self.user, id=found.pk, change=change)
        return Response({})

    def destroy(self, request: Request) -> Response:
        return self._changed(lambda row: setattr(row, "deleted", row.deleted or now()))

    def restore(self, request: Request) -> Response:
        return self._changed(lambda row: setattr(row, "deleted", None))

    def update(self, request: Request) -> Response:
        name = self.sent.text("new_name")
        return self._changed(lambda row: setattr(row, "name", name))

    def set_tag(self, request: Request) -> Response:
        key, value = self.sent.key(), self.sent.text("value", "")
        if self.sent.text("experiment_id") == DEFAULT_EXPERIMENT:
            return Response({})  # it has no row, and no tags
        return self._changed(lambda row: setattr(row, "tags", drafts.paired(drafts.values_of(row.tags), {key: value})))

    def delete_tag(self, request: Request) -> Response:
        key = self.sent.key()
        return self._changed(lambda row: setattr(row, "tags", [pair for pair in row.tags if pair["name"] != key]))
