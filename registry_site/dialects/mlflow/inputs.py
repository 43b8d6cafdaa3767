"""The data sets and models that a run used, and the models that it made, as they are kept in the list `inputs`."""

from typing import Any

from registry_site.dialects.mlflow.documents import pairs, without_empty
from registry_site.dialects.mlflow.views import Arguments
from versions.draft_models import Draft

DATASET_FIELDS = ("name", "digest", "source_type", "source", "schema", "profile")
CONTEXT = "mlflow.data.context"
DATASETS, MODELS, MADE = "dataset_inputs", "model_inputs", "model_outputs"


def inputs_in(sent: Arguments) -> list[dict[str, Any]]:
    """Return the inputs of a request. A data set is also kept as pairs, by which runs are found."""
    found = []
    for each in sent.objects("datasets"):
        about, tags = each.part("dataset"), each.pairs("tags")
        fields = {name: about.text(name, "") for name in DATASET_FIELDS}
        found.append(
            {"kind": DATASETS, "value": without_empty({"tags": pairs(tags)}) | {"dataset": without_empty(fields)}}
        )
        searched = {name: fields[name] for name in ("name", "digest")}
        searched |= {"context": tags[CONTEXT]} if CONTEXT in tags else {}
        found += [{"name": f"dataset.{name}", "value": value} for name, value in searched.items()]
    return found + [
        {"kind": MODELS, "value": {"model_id": each.text("model_id", "")}} for each in sent.objects("models")
    ]


def outputs_in(sent: Arguments) -> list[dict[str, Any]]:
    """Return the models that a request says a run made."""
    return [
        {"kind": MADE, "value": {"model_id": each.text("model_id", ""), "step": each.integer("step", 0)}}
        for each in sent.objects("models")
    ]


def linked(draft: Draft) -> dict[str, Any]:
    """Return the inputs and outputs of a `run`."""
    of_kind: dict[str, list[Any]] = {DATASETS: [], MODELS: [], MADE: []}
    for each in draft.inputs:
        if "kind" in each:  # others are the pairs
            of_kind[each["kind"]].append(each["value"])
    outputs = without_empty({MADE: of_kind.pop(MADE)})
    return {"inputs": without_empty(of_kind), "outputs": outputs}
