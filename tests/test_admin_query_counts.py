"""The number of queries of each admin list, which is independent of the number of rows."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.curation import merge_term
from folksonomy.models import Tag
from tenants.admin import lists
from tests.answers import ok
from tests.catalog.items import create
from tests.desk import Desk, text_of
from tests.remembered import remembered

SESSION, USER, COUNT, PAGE, TENANTS = 1, 1, 1, 1, 1
LIST = SESSION + USER + COUNT + PAGE
# Further queries of each list, in the order of its columns and filters.
QUERIES = {
    "tenants/tenant": LIST + 3,  # users, items, versions
    "tenants/user": LIST + TENANTS,
    "tenants/machinetoken": LIST + TENANTS,
    "tenants/event": LIST + TENANTS,
    "tenants/requestlog": LIST + TENANTS,
    "folksonomy/tag": LIST + TENANTS + 2,  # owners, uses
    "folksonomy/metadataname": LIST + TENANTS + 2,
    "catalog/model": LIST + TENANTS + 2,  # owners, versions
    "catalog/dataset": LIST + TENANTS + 2,
    "catalog/algorithm": LIST + TENANTS + 2,
    "catalog/protectionrule": LIST + TENANTS,
    "catalog/aliasmove": LIST + TENANTS + 1,  # items
    "catalog/proposal": LIST + TENANTS + 1,
    "catalog/merge": LIST + TENANTS,
}
NO_QUERY = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET ", "PRAGMA", "SESSION.")


@pytest.fixture
def many(world: Any) -> None:
    """Several rows of each model, with everything that lists show."""
    remembered(_make_many, world)


def _make_many(world: Any) -> None:
    for api in (world.acme.owner.api, world.rival.owner.api):
        ok(api.post("tokens", json=[{"name": f"ci-{number}", "scopes": ["models:read"]} for number in range(4)]))
        for kind in ("models", "datasets", "algorithms"):
            for number in range(4):
                words = {"tags": [f"t{number}"], "metadata": [{"name": f"n{number}", "value": number}]}
                item = create(api, kind, name=f"m{number}", **words)["_id"]
                ok(api.upload(f"{kind}/{item}/versions", "f.bin", b"x"))
                ok(api.put(f"{kind}/{item}/aliases/production", json={"version": "1"}))
                ok(api.post(f"{kind}/{item}/aliases/staging/proposals", json={"version": "1"}))
    for admin in (world.acme.admin, world.rival.admin):
        for name in ("t0", "t1"):
            old, new = (Tag.objects.get(tenant_id=admin.tenant_id, name=each) for each in (name, "t3"))
            merge_term(term=old, into=new, by=admin)
    for api in (world.acme.admin.api, world.rival.admin.api):
        for number in range(4):
            ok(api.post("protection", json={"name": f"r{number}", "aliases": f"a{number}"}))


@pytest.mark.parametrize("model", [model for model in QUERIES if model != "tenants/requestlog"])
def test_a_list_takes_as_many_queries_for_all_rows_as_for_one(desk: Desk, many: None, model: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        page = text_of(desk.get(f"{model}/"))
    queries = [query["sql"] for query in captured.captured_queries if not query["sql"].upper().startswith(NO_QUERY)]
    assert "<tbody>" in page
    assert len(queries) <= QUERIES[model], queries


def test_a_long_list_is_counted_only_so_far(desk: Desk, many: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_COUNT", 5)
    page = desk.get("catalog/model/")
    assert "The first 5 models; search or filter to find others" in text_of(page)


def test_pages_of_a_list_show_every_row_once(desk: Desk, many: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenants.admin.base.ServiceAdmin.list_per_page", 3)
    seen = [row.pk for number in (1, 2, 3) for row in desk.get("catalog/model/", p=number).context["cl"].result_list]
    assert len(seen) == len(set(seen)) == 8
