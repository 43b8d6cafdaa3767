"""MLflow's logged models: drafts that are a folder of a model."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from registry_site.dialects.mlflow.artifacts import listing
from registry_site.dialects.mlflow.documents import MODEL_PREFIX, files_url, milliseconds, pairs, without_empty
from registry_site.dialects.mlflow.errors import MLflowError, missing
from registry_site.dialects.mlflow.experiments import NEWEST
from registry_site.dialects.mlflow.filters import Grammar, conditions_of
from registry_site.dialects.mlflow.pages import Wanted, limited, page_of
from registry_site.dialects.mlflow.sources import logged_model
from registry_site.dialects.mlflow.views import READ, WRITE, DialectView
from tenants.exceptions import Refused
from tenants.rows.fields import new_id, now
from tenants.rows.prepared import Rows
from tenants.rows.texts import mended_title, shown
from versions import drafts
from versions.draft_models import MODEL, Draft

TIMES = dict.fromkeys(("creation_timestamp", "creation_time"), "timestamp")
TIMES |= dict.fromkeys(("last_updated_timestamp", "last_updated_time"), "lastmod")
LOGGED = Grammar(
    texts={"name": "name", "source_run_id": "source", "model_id": "_id", "status": "status"},
    numbers={},
    lists={"tags": "tags", "params": "params", "metrics": "metrics"},
    times=TIMES,
    listable=("name", "source_run_id", "model_id", "status"),
)
FIELDS = {"_id": "text:pk", "name": "text", "source": "text", "status": "text", "timestamp": "date", "lastmod": "date"}
FIELDS |= dict.fromkeys(("tags", "params", "metrics"), "pairs")
STATUSES = {"LOGGED_MODEL_PENDING": 1, "LOGGED_MODEL_READY": 2, "LOGGED_MODEL_UPLOAD_FAILED": 3}
NUMBERED = {str(number): name for name, number in STATUSES.items()}
TYPE = "mlflow.model.type"  # the tag that has `model_type`


class LoggedModels(DialectView):
    """Routes of `logged-models`."""

    scopes: ClassVar[Mapping[str, Sequence[str]]] = {
        **dict.fromkeys(("create", "finalize", "destroy", "set_tags", "delete_tag", "log_params"), WRITE),
        **dict.fromkeys(("get", "search", "directories"), READ),
    }

    def document(self, draft: Draft) -> dict[str, Any]:
        tags = drafts.values_of(draft.tags)
        id = f"{MODEL_PREFIX}{draft.pk}"
        info = {
            "model_id": id,
            "experiment_id": draft.experiment,
            "name": draft.name,
            "creation_timestamp_ms": milliseconds(draft.timestamp),
            "last_updated_timestamp_ms": milliseconds(draft.lastmod),
            "artifact_uri": files_url(self.request, f"drafts/{draft.pk}"),
            "status": draft.status,
            "source_run_id": draft.source,
            "tags": pairs({key: value for key, value in tags.items() if key != TYPE}),
        }
        metrics = [
            {("key" if key == "name" else key): value for key, value in each.items()} | {"model_id": id}
            for each in draft.metrics
        ]
        data = {"params": pairs(drafts.values_of(draft.params)), "metrics": metrics}
        return {"info": without_empty(info) | {"model_type": tags.get(TYPE, "")}, "data": without_empty(data)}

    def _answer(self, draft: Draft) -> Response:
        return Response({"model": self.document(draft)})

    def _found(self) -> Draft:
        id = str(self.kwargs["model_id"])
        try:
            return logged_model(self.user, id)
        except Refused:
            raise missing(f"Logged model with ID '{shown(id)}' not found.") from None

    def create(self, request: Request) -> Response:
        sent = self.sent
        experiment, source = sent.text("experiment_id", "") or "0", sent.text("source_run_id", "")
        try:
            drafts.find_experiment(owner=self.user, id=experiment)
            if source:
                drafts.find(owner=self.user, id=source)
        except Refused:
            raise missing(f"No Experiment with id={shown(experiment)}, or no run with id={shown(source)}") from None
        tags = sent.pairs("tags") | ({TYPE: sent.text("model_type")} if sent.text("model_type", "") else {})
        about: dict[str, Any] = {"experiment": experiment, "source": source, "status": "LOGGED_MODEL_PENDING"}
        about["name"] = mended_title(sent.text("name", ""), f"model-{new_id()[-6:]}")
        about |= {"tags": drafts.paired({}, tags), "params": drafts.paired({}, sent.pairs("params", 5000))}
        return self._answer(drafts.begin(owner=self.user, kind=MODEL, **about))

    def get(self, request: Request, model_id: str) -> Response:
        return self._answer(self._found())

    def finalize(self, request: Request, model_id: str) -> Response:
        status = NUMBERED.get(self.sent.text("status"), self.sent.text("status"))
        if status not in STATUSES:
            raise MLflowError(f"Invalid status '{shown(status)}'. Valid values are {tuple(STATUSES)}")
        return self._changed(lambda draft: setattr(draft, "status", status))

    def _changed(self, apply: Any) -> Response:
        return self._answer(drafts.change(draft=self._found(), apply=apply))

    def destroy(self, request: Request, model_id: str) -> Response:
        drafts.change(draft=self._found(), apply=lambda draft: setattr(draft, "deleted", draft.deleted or now()))
        return Response({})

    def set_tags(self, request: Request, model_id: str) -> Response:
        drafts.log(draft=self._found(), tags=self.sent.pairs("tags"))
        return Response({})

    def delete_tag(self, request: Request, model_id: str, tag_key: str) -> Response:
        return self._changed(
            lambda draft: setattr(draft, "tags", [pair for pair in draft.tags if pair["name"] != tag_key])
        )

    def log_params(self, request: Request, model_id: str) -> Response:
        try:
            return self._answer(drafts.log(draft=self._found(), params=self.sent.pairs("params")))
        except drafts.Changed as error:
            raise MLflowError(f"Changing param values is not allowed. {error}") from None

    def directories(self, request: Request, model_id: str) -> Response:
        """List a folder of the model's files."""
        path = self.sent.text("artifact_directory_path", "").strip("/")
        files = listing(self._found().pk, path, relative=False)
        answer = {"root_uri": files_url(self.request, f"drafts/{self._found().pk}")}
        return Response(answer | ({"files": files} if files else {}))

    def search(self, request: Request) -> Response:
        sent = self.sent
        ids, limit = sent.texts("experiment_ids"), limited(sent, 100, 1000)
        filter = LOGGED.filter_of(conditions_of(sent.text("filter", "")))
        mine = Draft.objects.owned_by(self.user.tenant_id, self.user.pk).filter(kind=MODEL, deleted=None)
        rows = Rows.of(mine.filter(experiment__in=ids[:1000]))
        found, token = page_of(rows, FIELDS, Wanted(filter, NEWEST, limit, sent.text("page_token", "")))
        documents = [self.document(draft) for draft in found]
        return Response(({"models": documents} if found else {}) | ({"next_page_token": token} if token else {}))
