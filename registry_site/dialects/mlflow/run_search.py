"""MLflow's search of runs. An order by a value of metrics, params or tags is made in memory, for a bounded number."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from registry_site.dialects.mlflow.documents import files_url
from registry_site.dialects.mlflow.errors import MLflowError
from registry_site.dialects.mlflow.experiments import NEWEST, of_lifecycle
from registry_site.dialects.mlflow.filters import Condition, Grammar, conditions_of
from registry_site.dialects.mlflow.orders import Order, keys_of, orders_of
from registry_site.dialects.mlflow.pages import Wanted, limited, page_of
from registry_site.dialects.mlflow.runs import NOT_NUMBERS, run_document
from registry_site.dialects.mlflow.views import READ, DialectView
from tenants.rows.prepared import Rows
from tenants.rows.texts import shown
from versions import drafts
from versions.draft_models import RUN, Draft

RUNS = Grammar(
    texts={"run_id": "_id", "run_name": "name", "status": "status", "Run name": "name"},
    numbers={},
    lists={"tags": "tags", "params": "params", "metrics": "metrics", "datasets": "inputs"},
    times={"start_time": "timestamp", "Created": "timestamp", "created": "timestamp", "end_time": "ended"},
    listable=("run_id",),
)
FIELDS = {"_id": "text:pk", "name": "text", "status": "text", "timestamp": "date", "ended": "date?"}
FIELDS |= dict.fromkeys(("tags", "params", "metrics", "inputs"), "pairs")
ORDERS = {"start_time": "timestamp", "Created": "timestamp", "created": "timestamp", "run_id": "pk"}
MOST_SORTED = 2000  # runs that are sorted by a value
PAGE = 1000
ABSENT = (0, -math.inf, "")


class RunSearch(DialectView):
    """The route `runs/search`."""

    scopes: ClassVar[Mapping[str, Sequence[str]]] = {"search": READ}

    def search(self, request: Request) -> Response:
        """Return a page of the caller's runs."""
        sent = self.sent
        ids, orders = sent.texts("experiment_ids"), orders_of(sent.texts("order_by"))
        runs = replace(RUNS, constants={"user_id": self.user.username})
        filter = runs.filter_of([self._by_id(each) for each in conditions_of(sent.text("filter", ""))])
        mine = Draft.objects.owned_by(self.user.tenant_id, self.user.pk).filter(kind=RUN, experiment__in=ids[:1000])
        rows = Rows.of(of_lifecycle(mine, sent.text("run_view_type", "")))
        limit, token = min(limited(sent, PAGE, 50_000), PAGE), sent.text("page_token", "")
        by_value = next((order for order in orders if order.entity or order.key not in ORDERS), None)
        if by_value:
            found, following = page_of(rows, FIELDS, Wanted(filter, NEWEST, MOST_SORTED))
            if following:
                raise MLflowError(f"At most {MOST_SORTED} runs are sorted by a value, please narrow the search")
            found, following = _sorted_page(found, by_value, limit, token)
        else:
            found, following = page_of(rows, FIELDS, Wanted(filter, keys_of(orders, ORDERS, NEWEST), limit, token))
        answer = {"runs": [run_document(self, draft) for draft in found]} if found else {}
        return Response(answer | ({"next_page_token": following} if following else {}))

    def _by_id(self, condition: Condition) -> Condition:
        """Return a condition on the address of a run's files as one on the run's id, which the address contains."""
        if condition.entity or condition.key != "artifact_uri":
            return condition
        if condition.operator not in ("=", "!=") or not isinstance(condition.value, str):
            raise MLflowError("`artifact_uri` is compared by `=` and `!=` with a quoted string value")
        start = files_url(self.request, "drafts/")
        id = condition.value.removeprefix(start) if condition.value.startswith(start) else ""
        return replace(condition, key="run_id", value=id)


def _sorted_page(found: list[Draft], order: Order, limit: int, token: str) -> tuple[list[Draft], str]:
    """Return a page in the order of a value, runs without it last, and the token of the next page."""
    found.sort(key=lambda draft: _sort_value(draft, order), reverse=order.descending)
    found.sort(key=lambda draft: _sort_value(draft, order) == ABSENT)
    if token and not (token.isascii() and token.isdecimal() and len(token) < 9):
        raise MLflowError("Invalid page token")
    start = int(token or 0)
    return found[start : start + limit], str(start + limit) if start + limit < len(found) else ""


def _sort_value(draft: Draft, order: Order) -> tuple[int, float, str]:
    """Return the value that runs are sorted by; numbers before texts."""
    attributes = {"run_name": draft.name, "Run Name": draft.name, "status": draft.status}
    attributes["end_time"] = draft.ended.isoformat() if draft.ended else ""
    lists = {"metrics": draft.metrics, "params": draft.params, "tags": draft.tags}
    if order.entity not in lists and (order.entity or order.key not in attributes):
        raise MLflowError(f"Invalid order_by key '{shown(order.key)}' specified")
    value: Any = drafts.values_of(lists[order.entity]).get(order.key) if order.entity else attributes[order.key]
    if value in (None, "NaN", ""):
        return ABSENT
    if isinstance(value, int | float):
        return 1, float(value), ""
    return 1, NOT_NUMBERS.get(value, 0.0), value
