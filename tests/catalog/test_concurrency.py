"""Many concurrent clients, over real connections to several processes."""

from uuid import uuid4

import pytest

from tests.served import Served
from tests.talk import administrator, at_once, created

MANY = 20  # requests at once; with more, a request that loses repeats its transaction more often
MOST = 50


@pytest.mark.promise("versions.concurrent")
def test_twenty_concurrent_uploads_get_twenty_ordinals(served: Served) -> None:
    with administrator(served) as client:
        model = created(client, "models", name=uuid4().hex)
        path = f"/models/{model}/versions"
        answers = at_once(lambda index: client.post(path, files={"file": (f"{index % 5}.bin", b"x" * index)}), MANY)
        assert {answer.status_code for answer in answers} == {200}
        versions = client.get(path, params={"limit": 100}).json()["docs"]
    assert sorted(int(version["ordinal"]) for version in versions) == list(range(1, MANY + 1))


@pytest.mark.promise("items.put-concurrent")
def test_no_change_of_twenty_concurrent_ones_is_lost(served: Served) -> None:
    with administrator(served) as client:
        model = created(client, "models", name=uuid4().hex)
        tags = [f"{model}-{index}" for index in range(MANY)]
        answers = at_once(lambda index: client.put(f"/models/{model}", json={"tags": {"add": [tags[index]]}}), MANY)
        assert {answer.status_code for answer in answers} == {200}
        assert set(client.get(f"/models/{model}").json()["tags"]) == set(tags)


@pytest.mark.promise("bulk.thousand")
def test_a_list_of_a_thousand_items_is_created(served: Served) -> None:
    prefix = uuid4().hex
    items = [
        {
            "name": f"{prefix}-{index}",
            "tags": [prefix, f"{prefix}-{index % 50}"],
            "metadata": [{"name": f"metric-{number}", "value": number / 7} for number in range(8)],
        }
        for index in range(1000)
    ]
    items[500] = {"name": f"{prefix}-1"}
    with administrator(served) as client:
        answer = client.post("/models", params={"verbose": "false"}, json=items)
        assert answer.status_code == 202
        assert answer.json()["saved"] == 999
        assert [error.split(" (")[0] for error in answer.json()["Indexes"]] == ["Index: 500"]
        assert client.get("/models", params={"filter": f'{{"tags": "{prefix}"}}'}).json()["totalDocs"] == 999


@pytest.mark.promise("aliases.concurrent")
def test_fifty_moves_of_one_alias_at_once_leave_one_chain(served: Served) -> None:
    with administrator(served) as client:
        model = created(client, "models", name=uuid4().hex)
        for number in range(5):
            client.post(f"/models/{model}/versions", files={"file": (f"{number}.bin", b"x")}).raise_for_status()
        path = f"/models/{model}/aliases/production"
        answers = at_once(
            lambda index: client.put(path, json={"version": str(1 + index % 5), "reason": str(index)}), MOST
        )
        assert {answer.status_code for answer in answers} == {200}
        history = client.get(f"{path}/history", params={"limit": 100}).json()["docs"][::-1]
        moved = {answer.json()["sequence"]: answer.json() for answer in answers}
        assert [move["sequence"] for move in history] == list(range(1, len(history) + 1)) == sorted(moved)
        assert [move["from"] for move in history] == [None, *(move["to"] for move in history[:-1])]
        assert [moved[move["sequence"]]["version"] for move in history] == [move["to"] for move in history]
        assert client.get(f"/models/{model}").json()["aliases"] == {"production": history[-1]["to"]}
        assert sorted(move["timestamp"] for move in history) == [move["timestamp"] for move in history]


@pytest.mark.promise("aliases.if-match")
def test_one_of_twenty_concurrent_conditional_moves_succeeds(served: Served) -> None:
    with administrator(served) as client:
        model = created(client, "models", name=uuid4().hex)
        for number in range(MANY):
            client.post(f"/models/{model}/versions", files={"file": (f"{number}.bin", b"x")}).raise_for_status()
        path, header = f"/models/{model}/aliases/production", {"If-Match": '"1"'}
        client.put(path, json={"version": "1"}).raise_for_status()
        answers = at_once(lambda index: client.put(path, json={"version": str(2 + index)}, headers=header), MANY - 1)
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * (MANY - 2)
        assert len(client.get(f"{path}/history").json()["docs"]) == 2
