"""Words must be valid at the end of a URL."""

from typing import Any

import pytest

from tests.answers import assert_error


@pytest.mark.promise("terms.names")
@pytest.mark.parametrize("collection", ["tags", "metadata"])
def test_a_word_that_ends_with_a_slash_is_refused_because_no_url_reaches_it(world: Any, collection: str) -> None:
    assert_error(world.acme.admin.api.post(collection, json={"_id": "a/"}), "post_request_error", "slash")
    assert world.acme.admin.api.post(collection, json={"_id": "a/b"}).status_code == 200
    assert world.acme.admin.api.delete(f"{collection}/a/b").status_code == 200


@pytest.mark.promise("terms.names")
@pytest.mark.parametrize("field", [{"tags": ["a/"]}, {"metadata": [{"name": "a/", "value": 1}]}])
def test_an_item_with_such_a_word_is_refused(world: Any, field: dict[str, Any]) -> None:
    assert_error(world.acme.owner.api.post("models", json={"name": "m"} | field), "post_request_error", "slash")


@pytest.mark.promise("routes.any-host")
@pytest.mark.parametrize("host", ["model_registry:8084", "127.0.0.1", "a;b"])
def test_responses_for_any_host_have_a_content_length(world: Any, host: str) -> None:
    answer = world.acme.owner.api.get("models", headers={"Host": host})
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == len(answer.body())
