"""MLflow's runs: drafts with values, series and files."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from registry_site.dialects.mlflow.artifacts import listing
from registry_site.dialects.mlflow.documents import files_url, milliseconds, moment, pairs, without_empty
from registry_site.dialects.mlflow.errors import MLflowError, missing
from registry_site.dialects.mlflow.inputs import inputs_in, linked, outputs_in
from registry_site.dialects.mlflow.sources import logged_model
from registry_site.dialects.mlflow.views import READ, WRITE, Arguments, DialectView
from tenants.exceptions import Refused
from tenants.rows.fields import new_id, now
from tenants.rows.texts import mended_title, shown
from versions import drafts
from versions.draft_models import RUN, Draft, Point

STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
NUMBERED = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
NAME = "mlflow.runName"
NOT_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
NUMBER = re.compile(r"[+-]?\d{1,400}(\.\d{0,400})?([eE][+-]?\d{1,4})?", re.ASCII)
PAGE_OF_SERIES = 25_000  # points


def run_document(view: Any, draft: Draft) -> dict[str, Any]:
    """Return a `run`."""
    info = {
        "run_id": draft.pk,
        "run_uuid": draft.pk,
        "experiment_id": draft.experiment,
        "run_name": draft.name,
        "user_id": view.user.username,
        "status": draft.status,
        "start_time": milliseconds(draft.timestamp),
        "end_time": milliseconds(draft.ended) if draft.ended else None,
        "artifact_uri": files_url(view.request, f"drafts/{draft.pk}"),
        "lifecycle_stage": "deleted" if draft.deleted else "active",
    }
    metrics = [{("key" if key == "name" else key): value for key, value in each.items()} for each in draft.metrics]
    params, tags = (pairs(drafts.values_of(each)) for each in (draft.params, draft.tags))
    data = without_empty({"metrics": metrics, "params": params, "tags": tags})
    return {"info": without_empty(info), "data": data} | linked(draft)


def points_in(sent: Sequence[Arguments]) -> list[drafts.Measured]:
    """Return the metrics of a request."""
    found = []
    for each in sent:
        name, value = each.key(), _number(each.key(), each.values.get("value", 0.0))
        time = each.integer("timestamp", milliseconds(now()))
        found.append(drafts.Measured(name, value, each.integer("step", 0), time))
    return found


def _number(metric: str, value: Any) -> float:
    """Return a value as protocol buffers read it: R's client sends numbers as texts."""
    if isinstance(value, str) and value in NOT_NUMBERS:
        return NOT_NUMBERS[value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and NUMBER.fullmatch(value)):
        raise MLflowError(f"Got invalid value {shown(repr(value))} for metric '{shown(metric)}'")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number) and value not in (math.inf, -math.inf):
        raise MLflowError("A metric is a number of 64 bits")
    return number


class Runs(DialectView):
    """Routes of `runs` and of the series of their metrics."""

    scopes: ClassVar[Mapping[str, Sequence[str]]] = {
        **dict.fromkeys(("create", "update", "destroy", "restore", "log_metric", "log_param", "set_tag"), WRITE),
        **dict.fromkeys(("delete_tag", "log_batch", "log_model", "log_inputs", "log_outputs"), WRITE),
        **dict.fromkeys(("get", "history", "artifacts"), READ),
    }

    def _found(self, sent: Arguments) -> Draft:
        id = sent.text("run_id", "") or sent.text("run_uuid", "")
        if not id:
            raise MLflowError("Missing value for required parameter 'run_id'.")
        try:
            return drafts.find(owner=self.user, id=id, kind=RUN)
        except Refused:
            raise missing(f"Run with id={shown(id)} not found") from None

    def create(self, request: Request) -> Response:
        sent = self.sent
        experiment, tags = sent.text("experiment_id", "") or "0", sent.pairs("tags")
        try:
            found = drafts.find_experiment(owner=self.user, id=experiment)
        except Refused:
            raise missing(f"No Experiment with id={shown(experiment)} exists") from None
        if found.deleted:
            raise MLflowError(f"The experiment {experiment} must be in the 'active' state.")
        name = mended_title(sent.text("run_name", "") or tags.get(NAME, ""), f"run-{new_id()[-6:]}")
        started = moment(sent.integer("start_time", 0)) if sent.integer("start_time", 0) else now()
        about: dict[str, Any] = {"experiment": found.pk, "name": name, "status": "RUNNING", "timestamp": started}
        about["tags"] = drafts.paired({}, tags | {NAME: name})
        draft = drafts.begin(owner=self.user, kind=RUN, **about)
        return Response({"run": run_document(self, draft)})

    def update(self, request: Request) -> Response:
        """Set status, end and name."""
        sent = self.sent
        status = NUMBERED.get(sent.text("status", ""), sent.text("status", ""))
        if status and status not in STATUSES:
            raise MLflowError(f"Invalid status '{shown(status)}'. Valid values are {STATUSES}")
        ended, name = sent.integer("end_time", 0), sent.text("run_name", "")

        def apply(draft: Draft) -> None:
            draft.status, draft.ended = status or draft.status, moment(ended) if ended else draft.ended
            if name:
                draft.name, draft.tags = name, drafts.paired(drafts.values_of(draft.tags), {NAME: name})

        draft = drafts.change(draft=self._found(sent), apply=apply)
        return Response({"run_info": run_document(self, draft)["info"]})

    def get(self, request: Request) -> Response:
        return Response({"run": run_document(self, self._found(self.sent))})

    def artifacts(self, request: Request) -> Response:
        """List a folder of the run's files, as R's client asks."""
        draft, path = self._found(self.sent), self.sent.text("path", "").strip("/")
        files = listing(draft.pk, path, relative=False)
        return Response({"root_uri": files_url(request, f"drafts/{draft.pk}")} | ({"files": files} if files else {}))

    def destroy(self, request: Request) -> Response:
        return self._changed(lambda draft: setattr(draft, "deleted", draft.deleted or now()))

    def restore(self, request: Request) -> Response:
        return self._changed(lambda draft: setattr(draft, "deleted", None))

    def _changed(self, apply: Any) -> Response:
        drafts.change(draft=self._found(self.sent), apply=apply)
        return Response({})

    def _logged(self, draft: Draft, **values: Any) -> Response:
        try:
            drafts.log(draft=draft, **values)
        except drafts.Changed as error:
            raise MLflowError(f"Changing param values is not allowed. {error}") from None
        return Response({})

    def log_metric(self, request: Request) -> Response:
        draft, points = self._found(self.sent), points_in([self.sent])
        if model_id := self.sent.text("model_id", ""):
            drafts.log(draft=logged_model(self.user, model_id), points=points)
        return self._logged(draft, points=points)

    def log_param(self, request: Request) -> Response:
        return self._logged(self._found(self.sent), params={self.sent.key(): self.sent.text("value", "")})

    def set_tag(self, request: Request) -> Response:
        return self._logged(self._found(self.sent), tags={self.sent.key(): self.sent.text("value", "")})

    def delete_tag(self, request: Request) -> Response:
        key = self.sent.key()
        if key not in drafts.values_of(self._found(self.sent).tags):
            raise missing(f"No tag with name: {shown(key)} in run with id {self.sent.text('run_id', '')}")
        return self._changed(lambda draft: setattr(draft, "tags", [pair for pair in draft.tags if pair["name"] != key]))

    def log_batch(self, request: Request) -> Response:
        """Add metrics, params and tags, all or none; metrics also to the logged models that they name."""
        sent = self.sent
        metrics = sent.objects("metrics")
        values = {"params": sent.pairs("params", 100), "tags": sent.pairs("tags", 100), "points": points_in(metrics)}
        draft = self._found(sent)
        of_models: dict[str, list[Arguments]] = {}
        for each in metrics:
            of_models.setdefault(each.text("model_id", ""), []).append(each)
        for model_id, some in of_models.items():
            if model_id:
                drafts.log(draft=logged_model(self.user, model_id), points=points_in(some))
        return self._logged(draft, **values)

    def log_model(self, request: Request) -> Response:
        """Accept the description of a model that older clients send; its file `MLmodel` says the same."""
        self._found(self.sent)
        return Response({})

    def log_inputs(self, request: Request) -> Response:
        return self._linked(inputs_in(self.sent))

    def log_outputs(self, request: Request) -> Response:
        return self._linked(outputs_in(self.sent))

    def _linked(self, new: Sequence[dict[str, Any]]) -> Response:
        return self._changed(lambda draft: draft.inputs.extend(each for each in new if each not in draft.inputs))

    def history(self, request: Request) -> Response:
        """Return a page of the points of a metric, in the order of their steps."""
        sent = self.sent
        draft, name = self._found(sent), sent.text("metric_key")
        limit = min(sent.integer("max_results", PAGE_OF_SERIES), PAGE_OF_SERIES)
        start, end = Point.series(draft.pk, name)
        after = sent.text("page_token", "") or start
        if not start <= after < end or limit < 1:
            raise MLflowError("Invalid page token or number of results")
        points = list(Point.objects.filter(pk__gt=after, pk__lt=end).order_by("pk")[: limit + 1])
        documents = [
            {"key": name, "value": drafts.number(float(p.value)), "timestamp": p.milliseconds, "step": p.step}
            for p in points[:limit]
        ]
        more = {"next_page_token": points[limit - 1].pk} if len(points) > limit else {}
        return Response(({"metrics": documents} if documents else {}) | more)
