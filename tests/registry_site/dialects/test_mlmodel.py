"""`MLmodel`, the description of a model that MLflow's clients write: read with bounds, and shown on the pages."""

import json
import time
from typing import Any

import pytest

from registry_site.dialects.mlflow.mlmodel import LARGEST, MOST, Field, parsed
from tests.answers import ok
from tests.client import BrowserClient
from tests.registry_site.pages.test_pages import seen
from tests.versions.files import new_item
from tests.versions.test_folders import post_folder

COLUMNS = [
    {"type": "double", "name": "age", "required": True},
    {"type": "long", "name": "<b>", "required": False},
    {"type": "array", "items": {"type": "string"}, "name": "words", "required": True},
    {"type": "object", "properties": {"a": {"type": "long", "required": True}}, "name": "about"},
]
TENSOR = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]
PARAMS = [{"name": "threshold", "default": 0.5, "shape": None, "type": "double"}]
DESCRIPTION = f"""
artifact_path: model
flavors:
  python_function:
    loader_module: mlflow.sklearn
    model_path: model.pkl
  sklearn:
    pickled_model: model.pkl
    sklearn_version: 1.7.2
  xgboost:
    xgb_version: 3.2.0
mlflow_version: 3.17.2
saved_input_example_info:
  artifact_path: input_example.json
  type: dataframe
signature:
  inputs: '{json.dumps(COLUMNS)}'
  outputs: '{json.dumps(TENSOR)}'
  params: '{json.dumps(PARAMS)}'
""".encode()
EXAMPLE = b'{"columns": ["age"], "data": [[41.5]]}'


@pytest.mark.promise("mlflow.described")
def test_the_signature_and_the_flavors_are_read() -> None:
    found = parsed(DESCRIPTION)
    assert found is not None and found.is_pyfunc
    assert found.flavors == [("python_function", ""), ("sklearn", "1.7.2"), ("xgboost", "3.2.0")]
    assert found.fields == [
        Field("Input", "age", "double", True),
        Field("Input", "<b>", "long", False),
        Field("Input", "words", "array of string", True),
        Field("Input", "about", "object of a: long", True),
        Field("Output", "0", "float64 [-1, 2]", False),
        Field("Parameter", "threshold", "double", False, "0.5"),
    ]


BOMB = "\n".join([f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" if n else "a0: &a0 [x]" for n in range(60)])
SIGNATURES = ("[", "7", "[1, null]", "[" * 9000, '[{"type": {}}]')
MERGES = "\n".join(
    [f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}" if n else "a0: &a0 {x: y}" for n in range(60)]
)


@pytest.mark.promise("mlflow.described")
@pytest.mark.parametrize(
    "text",
    [
        "", "text", "- a", "flavors: text", "flavors: [a]", "a: b: c", "\0", "\x85", "[" * LARGEST, "{" * LARGEST,
        "- " * (LARGEST // 2), "? " * (LARGEST // 2), f"{BOMB}\nflavors: *a59", f"{MERGES}\nflavors: *a59",
        "flavors: &a {b: *a}", "flavors: {a: !!python/object/apply:os.system ['true']}", "!!set {flavors}",
        "flavors: {? [a] : b}", 'flavors: {"\\ud800": 1}', "flavors: {a: {a_version: [1, {b: c}]}}",
        *(f"flavors: {{a: b}}\nsignature: {{inputs: {text!r}}}" for text in SIGNATURES),
        f"flavors: {{a: b}}\nsaved_input_example_info: {{artifact_path: [x]}}\nsignature: {'x' * 1000}",
    ],
)  # fmt: skip
def test_any_file_is_read_fast_as_texts_or_not_at_all(text: str) -> None:
    started = time.process_time()
    found = parsed(text.encode())
    assert time.process_time() - started < 2
    assert found is None or (found.fields == [] or found.fields[0].type == "{}")
    if found:
        assert len(found.flavors) <= MOST
        str(found).encode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.promise("mlflow.described", "pages.item")
def test_the_pages_of_a_model_show_its_signature_and_how_mlflow_loads_it(world: Any) -> None:
    browser = BrowserClient("acme", "owner", world.password)
    path = new_item(browser, name="churn")
    post_folder(browser, path, {"MLmodel": DESCRIPTION, "input_example.json": EXAMPLE, "model.pkl": b"no pickle"})
    page = seen(browser.page(f"{path}/versions/1/info"))
    for text in ("sklearn 1.7.2", "&lt;b&gt;", "float64 [-1, 2]", "threshold", "input_example.json", "[[41.5]]"):
        assert text in page, text
    assert "load_model(&quot;models:/churn/1&quot;)" in page
    assert "load_model(&quot;models:/churn/1&quot;)" in seen(browser.page(path))
    ok(browser.put(f"{path}/aliases/production", json={"version": "1"}))
    for place in (path, f"{path}/versions/1/info"):
        assert "load_model(&quot;models:/churn@production&quot;)" in seen(browser.page(place))
    ok(browser.put(path, json={"visibility": "public"}))
    reader = BrowserClient("acme", "other", world.password)
    for place in (path, f"{path}/versions/1/info"):  # a reader's own `churn` is meant by the name alone
        assert "load_model(&quot;models:/owner%2Fchurn@production&quot;)" in seen(reader.page(place))
    post_folder(browser, path, {"MLmodel": b"[" * LARGEST, "other": b""})
    post_folder(browser, path, {"MLmodel": DESCRIPTION + b" " * LARGEST, "other": b""})
    for ordinal in ("2", "3"):
        assert "load_model" not in seen(browser.page(f"{path}/versions/{ordinal}/info"))
    dataset = new_item(browser, "datasets", name="data")
    post_folder(browser, dataset, {"MLmodel": DESCRIPTION, "other": b""})
    for place in (dataset, f"{dataset}/versions/1/info"):
        assert "load_model" not in seen(browser.page(place))
