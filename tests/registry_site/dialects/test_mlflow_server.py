"""A real `mlflow server` and the registry answer alike.

The server's answers do not depend on the engine here, so one test compares them with a file, and the others compare the
registry with the file. `python -m tests.registry_site.dialects.mlflow_calls` writes the file again.
"""

from typing import Any

import httpx
import pytest

from tests.registry_site.dialects.mlflow_calls import answers, recorded, recorded_answers, shape
from tests.registry_site.dialects.test_mlflow import BAD_FILTERS, FILTERS, Client, client, fill
from tests.registry_site.operations.importing.mlflow_server import MLflowServer

__all__ = ["client"]  # a fixture
ADDED = {"aliases", "model_id", "outputs", "tags"}  # fields that MLflow's own server leaves out of some answers


@pytest.mark.promise("mlflow.answers")
def test_mlflows_own_server_answers_as_recorded(mlflow: MLflowServer) -> None:
    found = [recorded(*each) for each in answers(mlflow.send)]
    assert found == recorded_answers()


@pytest.mark.promise("mlflow.filters")
def test_mlflows_own_server_finds_what_the_registry_finds(mlflow: MLflowServer) -> None:
    fill(lambda method, route, **sent: mlflow.send(method, route, sent))
    for filter in (*FILTERS, *BAD_FILTERS):
        status, answer = mlflow.send("get", "registered-models/search", {"filter": filter, "max_results": 1000})
        names = [each["name"] for each in answer.get("registered_models", [])]
        found = [name for name in names if name in FILTERS[""]]
        expected: Any = (400, []) if filter in BAD_FILTERS else (200, FILTERS[filter])
        assert (status, found) == expected, filter


@pytest.mark.promise("mlflow.answers", "mlflow.filters")
def test_every_route_answers_as_mlflows_own_server_does(client: Client) -> None:
    def send(method: str, route: str, sent: dict[str, Any]) -> tuple[int, Any]:
        response = client.send(method, route, **sent)
        answer = response.json()
        if route == "logged-models" and response.status_code == httpx.codes.OK:  # a version has files here
            client.put(f"drafts/{answer['model']['info']['model_id'].removeprefix('m-')}/MLmodel", b"x")
        return response.status_code, answer

    for (call, status, answer), expected in zip(answers(send), recorded_answers(), strict=True):
        assert status == expected["status"], (call, answer, expected)
        if status == httpx.codes.OK:
            assert _lacking(expected["answer"], shape(answer)) == [], call
            assert set(_lacking(shape(answer), expected["answer"])) <= ADDED, call
        else:
            assert answer["error_code"] == expected["answer"], (call, answer)


def _lacking(expected: Any, found: Any) -> list[str]:
    """Return the fields that are not there, or of another type."""
    if isinstance(expected, list) and isinstance(found, list):
        return _lacking(expected[0], found[0])
    if not isinstance(expected, dict) or not isinstance(found, dict):
        return [] if expected == found else [f"{expected} is {found}"]
    gone = [name for name in expected if name not in found]
    return gone + [each for name in expected if name in found for each in _lacking(expected[name], found[name])]
