"""Concurrent removals and new references to what is removed leave a consistent state.

Real processes, real connections. `TORTURE_ROUNDS` multiplies the rounds.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.served import Served
from tests.talk import UNSHARED, administrator, at_once, created
from tests.versions.files import sha256
from tests.versions.tus import OFFSET, RESUMABLE, begin

ROUNDS = 3 * int(os.environ.get("TORTURE_ROUNDS") or 1)
WRITERS = 12
PASSWORD = "Passw0rd!x"
FINE = {200, 400, 401, 403, 404}


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[httpx.Client]:
    with administrator(served) as client:
        yield client


def _race(write: Callable[[int], httpx.Response], remove: Callable[[], httpx.Response]) -> httpx.Response:
    """Run many writers concurrently with one removal; return the removal's response."""
    answers = at_once(lambda index: remove() if index == WRITERS // 2 else write(index), WRITERS + 1)
    assert {answer.status_code for answer in answers} <= FINE, [answer.text for answer in answers]
    return answers[WRITERS // 2]


def _found(client: httpx.Client, path: str, **query: str) -> list[dict[str, Any]]:
    docs: list[dict[str, Any]] = client.get(path, params={"limit": "1000"} | query).json()["docs"]
    return docs


@pytest.mark.promise("items.name-unique")
def test_two_hundred_creations_of_one_name_at_once_make_one_item(client: httpx.Client) -> None:
    name = uuid4().hex
    answers = at_once(lambda _: client.post("/models", json={"name": name, "tags": [f"tag-{name}"]}), 200)
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 199
    assert {answer.json()["value"] for answer in answers if answer.status_code == 400} == {5}
    assert len(_found(client, "/models", filter=f'{{"name": "{name}"}}')) == 1


def test_on_sqlite_writers_get_the_lock_in_the_order_of_their_arrival(served: Served, client: httpx.Client) -> None:
    if not served.env["DATABASE"].startswith("sqlite"):
        pytest.skip("other engines have writers wait themselves")
    queue = Path(f"{served.env['DATABASE'].removeprefix('sqlite:///')}.writers")
    with ThreadPoolExecutor() as pool, queue.open("ab") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        writing = pool.submit(client.post, "/models", json={"name": uuid4().hex})
        with pytest.raises(TimeoutError):
            writing.result(0.5)
        assert client.get("/models").status_code == 200, "readers do not wait"
        fcntl.flock(turn, fcntl.LOCK_UN)
        assert writing.result().status_code == 200


@pytest.mark.promise("races.dataset")
@pytest.mark.parametrize("way", ["create", "change"])
def test_no_model_names_a_dataset_that_is_deleted_meanwhile(client: httpx.Client, way: str) -> None:
    for _ in range(ROUNDS):
        dataset = created(client, "datasets", name=uuid4().hex)
        models = [created(client, "models", name=uuid4().hex) for _ in range(WRITERS * (way == "change"))]

        def write(index: int, dataset: str = dataset, models: list[str] = models) -> httpx.Response:
            if models:
                return client.put(f"/models/{models[index % WRITERS]}", json={"datasets": {"add": [dataset]}})
            return client.post("/models", json={"name": uuid4().hex, "datasets": [dataset]})

        gone = _race(write, lambda path=f"/datasets/{dataset}": client.delete(path)).status_code == 200
        assert client.get(f"/datasets/{dataset}").status_code == (404 if gone else 200)
        assert bool(_found(client, "/models", filter=f'{{"datasets": "{dataset}"}}')) != gone


@pytest.mark.promise("races.user")
def test_no_item_is_shared_with_a_user_who_is_deleted_meanwhile(client: httpx.Client) -> None:
    for _ in range(ROUNDS):
        username = uuid4().hex
        user = client.post("/users", json={"username": username, "password": PASSWORD}).json()["_id"]

        def write(index: int, user: str = user) -> httpx.Response:
            return client.post("/models", json={"name": uuid4().hex, "users": [user]})

        assert _race(write, lambda user=user: client.delete(f"/users/{user}")).status_code == 200
        assert _found(client, "/models", filter=f'{{"users": "{user}"}}') == []


@pytest.mark.promise("races.user")
def test_a_deleted_user_owns_nothing(served: Served, client: httpx.Client) -> None:
    for _ in range(ROUNDS):
        username = uuid4().hex
        user = client.post("/users", json={"username": username, "password": PASSWORD}).json()["_id"]
        with administrator(served, {"username": username, "password": PASSWORD}) as own:

            def write(index: int, own: httpx.Client = own) -> httpx.Response:
                return own.post("/models", json={"name": uuid4().hex, "tags": [uuid4().hex]})

            gone = _race(write, lambda user=user: client.delete(f"/users/{user}")).status_code == 200
        owned = [_found(client, path, filter=f'{{"owner": "{user}"}}') for path in ("/models", "/tags")]
        assert any(owned) != gone


@pytest.mark.promise("races.token")
def test_a_deleted_user_leaves_no_token(served: Served, client: httpx.Client) -> None:
    body = {"name": "ci", "scopes": ["models:read"]}
    for _ in range(ROUNDS):
        username = uuid4().hex
        user = client.post("/users", json={"username": username, "password": PASSWORD}).json()["_id"]
        with administrator(served, {"username": username, "password": PASSWORD}) as own:

            def write(index: int, own: httpx.Client = own) -> httpx.Response:
                return own.post("/tokens", json=body | {"name": str(index)})

            assert _race(write, lambda user=user: client.delete(f"/users/{user}")).status_code == 200
        assert _found(client, "/tokens", filter=f'{{"owner": "{user}"}}') == []


@pytest.mark.promise("tokens.bound", "tokens.revoke")
def test_concurrent_creations_exceed_no_bound_and_a_revoked_token_is_refused_by_all_processes(
    served: Served, client: httpx.Client
) -> None:
    body = {"name": "ci", "scopes": ["models:read"]}
    credentials = {"username": uuid4().hex, "password": PASSWORD}
    assert client.post("/users", json=credentials).status_code == 200
    with administrator(served, credentials) as own:
        bodies = [body | {"name": str(number)} for number in range(95)]
        made = own.post("/tokens", json=bodies).json()["tokens"]
        answers = at_once(lambda index: own.post("/tokens", json=body | {"name": f"c{index}"}), 12)
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [400] * 7
        headers = UNSHARED | {"Authorization": f"Bearer {made[0]['token']}"}
        url = f"{served.base_url}/v1/models?limit=1"
        assert {answer.status_code for answer in at_once(lambda _: httpx.get(url, headers=headers), 8)} == {200}
        assert own.delete(f"/tokens/{made[0]['_id']}").status_code == 200
        assert {answer.status_code for answer in at_once(lambda _: httpx.get(url, headers=headers), 8)} == {401}


@pytest.mark.promise("races.user")
def test_administrators_who_delete_each_other_leave_one(served: Served) -> None:
    operator, names = {"Authorization": served.api_token}, ["first", "second", "third", "fourth"]
    for _ in range(ROUNDS):
        tenant = f"t{uuid4().hex}"
        body = {"_id": tenant, "email": "t@t.example", "admin_username": "first", "admin_password": PASSWORD}
        assert httpx.post(f"{served.base_url}/v1/tenants", json=body, headers=operator).status_code == 200
        with administrator(served, {"username": "first", "password": PASSWORD, "tenant": tenant}) as client:
            for name in names[1:]:
                client.post("/users", json={"username": name, "password": PASSWORD, "role": "admin"})
            answers = at_once(lambda index, client=client: client.delete(f"/users/{names[index]}"), 4)
        assert {answer.status_code for answer in answers} <= FINE
        assert sum(answer.status_code == 200 for answer in answers) <= 3
        assert httpx.delete(f"{served.base_url}/v1/tenants/{tenant}", headers=operator).status_code == 200


@pytest.mark.promise("races.term")
@pytest.mark.parametrize("collection", ["tags", "metadata"])
def test_no_item_has_a_word_that_is_deleted_meanwhile(client: httpx.Client, collection: str) -> None:
    for _ in range(ROUNDS):
        word = uuid4().hex
        assert client.post(f"/{collection}", json={"_id": word}).status_code == 200
        used = {"tags": [word]} if collection == "tags" else {"metadata": [{"name": word, "value": 1}]}

        def write(index: int, used: dict[str, Any] = used) -> httpx.Response:
            return client.post("/models", json={"name": uuid4().hex} | used)

        _race(write, lambda path=f"/{collection}/{word}": client.delete(path))
        field = "tags" if collection == "tags" else "metadata.name"
        assert len(_found(client, "/models", filter=f'{{"{field}": "{word}"}}')) == WRITERS
        assert client.get(f"/{collection}/{word}").status_code == 200


@pytest.mark.promise("races.item")
def test_no_bytes_are_left_of_an_item_that_is_deleted_during_uploads(served: Served, client: httpx.Client) -> None:
    for _ in range(ROUNDS):
        item = created(client, "models", name=uuid4().hex)
        content = os.urandom(100)

        def write(index: int, item: str = item, content: bytes = content) -> httpx.Response:
            return client.post(f"/models/{item}/versions", files={"file": ("f.bin", content)})

        assert _race(write, lambda item=item: client.delete(f"/models/{item}")).status_code == 200
        kept = [path for path in (served.folder / "uploads").rglob("*") if path.is_file()]
        assert content not in [path.read_bytes() for path in kept]


@pytest.mark.promise("races.alias")
@pytest.mark.parametrize("target", ["version", "item"])
def test_no_alias_points_at_what_is_deleted_meanwhile(client: httpx.Client, target: str) -> None:
    for _ in range(ROUNDS):
        item, alias = created(client, "models", name=uuid4().hex), f"a{uuid4().hex}"
        path, version = f"/models/{item}/aliases/{alias}", f"/models/{item}/versions/1"
        client.post(f"/models/{item}/versions", files={"file": ("f.bin", b"x")}).raise_for_status()
        client.post(f"/models/{item}/versions", files={"file": ("g.bin", b"y")}).raise_for_status()

        def write(index: int, path: str = path) -> httpx.Response:
            if index % 3 == 2:
                return client.delete(path)
            return client.put(path, json={"version": "1"})

        removed = version if target == "version" else f"/models/{item}"
        gone = _race(write, lambda path=removed: client.delete(path)).status_code == 200
        holders = _found(client, f"/aliases/{alias}")
        if target == "item":
            assert gone
            assert holders == []
        assert client.get(version).status_code == (404 if gone else 200)
        assert holders == [] or not gone


@pytest.mark.promise("protection.no-way-round")
def test_an_approval_counts_by_the_rule_before_or_after_its_change(served: Served, client: httpx.Client) -> None:
    client.post("/users", json={"username": "approver", "password": PASSWORD})
    login = {"username": "approver", "password": PASSWORD}
    with administrator(served, login) as approver:
        for _ in range(ROUNDS):
            alias, name = f"a{uuid4().hex}", uuid4().hex
            item = created(client, "models", name=name, visibility="public")
            client.post(f"/models/{item}/versions", files={"file": ("f.bin", b"x")}).raise_for_status()
            rule = {"name": name, "aliases": alias, "users": ["admin", "approver"], "approvals": 1}
            protection = f"/protection/{client.post('/protection', json=rule).json()['_id']}"
            proposals = f"/models/{item}/aliases/{alias}/proposals"
            proposal = f"{proposals}/{client.post(proposals, json={'version': '1'}).json()['_id']}"

            def decide(index: int, path: str = proposal, approver: httpx.Client = approver) -> httpx.Response:
                return approver.post(f"{path}/approve")

            changed = _race(decide, lambda path=protection: client.put(path, json={"approvals": 2}))
            assert changed.status_code == 200, changed.text
            decided = client.get(proposal).json()
            assert len(decided["decisions"]) == 1
            if decided["status"] == "moved":
                moved = client.get(f"/models/{item}/aliases/{alias}").json()
                assert moved["timestamp"] <= changed.json()["lastmod"]
            else:
                assert decided["status"] == "open"
                assert client.get(f"/models/{item}/aliases/{alias}").status_code == 404


@pytest.mark.promise("races.tenant")
def test_nothing_is_left_of_a_tenant_that_is_deleted_while_it_is_used(served: Served) -> None:
    operator = {"Authorization": served.api_token}
    for _ in range(ROUNDS):
        tenant = f"t{uuid4().hex}"
        body = {"_id": tenant, "email": "t@t.example", "admin_username": "admin", "admin_password": PASSWORD}
        assert httpx.post(f"{served.base_url}/v1/tenants", json=body, headers=operator).status_code == 200
        with administrator(served, {"username": "admin", "password": PASSWORD, "tenant": tenant}) as client:
            item = created(client, "models", name="first")

            def write(index: int, client: httpx.Client = client, item: str = item) -> httpx.Response:
                name = uuid4().hex
                if index % 3 == 0:
                    return client.post("/users", json={"username": name, "password": PASSWORD})
                if index % 3 == 1:
                    return client.post(f"/models/{item}/versions", files={"file": ("f.bin", os.urandom(50))})
                return client.post("/datasets", json={"name": name, "tags": [name], "users": ["admin"]})

            url = f"{served.base_url}/v1/tenants/{tenant}"
            assert _race(write, lambda url=url: httpx.delete(url, headers=operator, timeout=120)).status_code == 200
        assert [path for path in (served.folder / "uploads" / tenant).rglob("*") if path.is_file()] == []
        assert httpx.post(f"{served.base_url}/v1/tenants", json=body, headers=operator).status_code == 200
        with administrator(served, {"username": "admin", "password": PASSWORD, "tenant": tenant}) as client:
            for path in ("/models", "/datasets", "/tags"):
                assert _found(client, path) == []
            assert [user["username"] for user in _found(client, "/users")] == ["admin"]


@pytest.mark.promise("uploads.races")
def test_one_of_several_requests_at_one_offset_sends_the_bytes(client: httpx.Client) -> None:
    """Each sends other bytes; those that are stored are those of one request."""
    for _ in range(ROUNDS):
        model = created(client, "models", name=uuid4().hex)
        url = begin(client, 200_000, item=model, path="a.bin").removeprefix("/v1")

        def send(index: int, url: str = url) -> httpx.Response:
            headers = RESUMABLE | {"Upload-Offset": "0", "Content-Type": OFFSET}
            return client.patch(url, content=bytes([index]) * 200_000, headers=headers)

        answers = at_once(send, WRITERS)
        assert sorted({answer.status_code for answer in answers} - {409, 423}) == [204]
        assert sum(answer.status_code == 204 for answer in answers) == 1
        (version,) = client.get(f"/models/{model}").json()["versions"]
        content = client.get(f"/models/{model}/versions/1").content
        assert len(set(content)) == 1
        assert sha256(content) == version["sha256"]


@pytest.mark.promise("uploads.races")
def test_an_upload_that_is_completed_and_deleted_at_once_leaves_no_wrong_reference(
    served: Served, client: httpx.Client
) -> None:
    for number in range(ROUNDS):
        model = created(client, "models", name=uuid4().hex)
        url = begin(client, 1000, item=model, path="a.bin").removeprefix("/v1")
        headers = RESUMABLE | {"Upload-Offset": "0", "Content-Type": OFFSET}
        content = number.to_bytes(8, "big") * 125

        def act(index: int, url: str = url, headers: Any = headers, content: bytes = content) -> httpx.Response:
            if index % 2:
                return client.delete(url, headers=RESUMABLE)
            return (
                client.patch(url, content=content, headers=headers) if not index else client.head(url, headers=headers)
            )

        answers = at_once(act, WRITERS)
        assert {answer.status_code for answer in answers} <= {200, 204, 400, 404, 409, 423}, answers
    checked = served.manage("check_integrity")
    assert checked.returncode == 0, checked.stderr
