"""Pages of thousands of documents are complete, ordered, and need little memory."""

import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Item
from tenants.rows.fences import reference_guard
from tenants.rows.fields import now
from tests.answers import assert_error, ok
from tests.client import BrowserClient
from tests.engines import Server
from tests.served import Served
from tests.talk import administrator
from tests.versions.test_streams import peak_memory

COUNT = 250
LARGEST = 10_000
# Creates models with tags, metadata and versions, about 3 kB per document.
FILL = f"""
from datetime import timedelta
from catalog.models import Item
from tenants.rows.fields import now
from tenants.models import User
from versions.models import Version
admin = User.objects.get(username="admin", tenant__isnull=False)
metadata = [{{"name": f"metric-{{n}}", "value": n / 7}} for n in range(50)]
fields = {{"tenant_id": admin.tenant_id, "kind": "model", "owner": admin, "visibility": "public", "status": "test"}}
fields |= {{"readers": ["*", admin.pk], "tags": ["a", "b", "c"], "metadata": metadata}}
items = [Item(name=f"m{{n}}", timestamp=now() - timedelta(seconds=n), **fields) for n in range({LARGEST})]
file = {{"tenant_id": admin.tenant_id, "original": "f.bin", "mimetype": "a/b", "encoding": "7bit", "sha256": "0" * 64}}
for start in range(0, {LARGEST}, 500):
    some = items[start : start + 500]
    Item.objects.bulk_create(some)
    Version.objects.bulk_create(Version(subject=item.pk, ordinal="1", number=1, size=1, **file) for item in some)
"""


@pytest.fixture
def models(world: Any) -> Any:
    """The client of acme's owner, who reads COUNT models of theirs; others have a private one."""
    fields = {"tenant_id": "acme", "kind": "model", "visibility": "private", "status": "test", "tags": ["t"]}
    mine, other, start = world.acme.owner.pk, world.acme.other.pk, now()
    with reference_guard("acme"):  # it changes the edition, by which totals are cached
        Item.objects.bulk_create(
            [
                Item(
                    name=f"m{n:03}", owner_id=mine, readers=[mine], timestamp=start + timedelta(seconds=n % 9), **fields
                )
                for n in range(COUNT)
            ]
        )
        Item.objects.create(name="hidden", owner_id=other, readers=[other], **fields)
    return world.acme.owner.api


def _docs(api: Any, **query: Any) -> list[dict[str, Any]]:
    return ok(api.get("models", query=query))["docs"]


@pytest.mark.promise("lists.page-limit", "lists.large-page")
@pytest.mark.parametrize("query", [{}, {"sort": {"name": 1}}, {"filter": {"tags": "t"}, "select": ["name"]}])
def test_a_large_page_equals_the_small_pages_together(models: Any, query: dict[str, Any]) -> None:
    pages = [ok(models.get("models", query=query | {"limit": "50", "page": str(number)})) for number in range(1, 6)]
    large = ok(models.get("models", query=query | {"limit": "10000"}))
    assert large["docs"] == [document for page in pages for document in page["docs"]]
    assert (large["totalDocs"], large["totalPages"], large["hasNextPage"]) == (COUNT, 1, False)
    second = ok(models.get("models", query=query | {"limit": "120", "page": "2"}))
    assert second["docs"] == large["docs"][120:240]
    assert (second["pagingCounter"], second["hasNextPage"], second["nextPage"]) == (121, True, 3)


@pytest.mark.promise("lists.after", "lists.large-page")
def test_a_large_page_follows_a_document(models: Any) -> None:
    whole = _docs(models, limit="1000")
    page = ok(models.get("models", query={"limit": "150", "after": whole[9]["_id"]}))
    assert page["docs"] == whole[10:160]
    assert page["hasNextPage"] is True
    assert _docs(models, limit="5000", after=page["docs"][-1]["_id"]) == whole[160:]


@pytest.mark.promise("lists.large-page")
def test_a_large_page_takes_a_few_queries_for_each_hundred_documents(models: Any) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert len(_docs(models, limit="1000")) == COUNT
    assert len(captured.captured_queries) <= 4 + 3 * 3


@pytest.mark.promise("lists.large-page")
def test_a_large_page_above_its_size_is_refused_and_a_small_one_is_not(
    models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.rest.querying.page.LARGEST_ANSWER", 50_000)
    response = models.get("models", query={"limit": "1000"})
    assert_error(response, "get_request_error", "ask for fewer documents (limit) or fewer fields (select)")
    assert len(_docs(models, limit="100")) == 100
    assert len(_docs(models, limit="1000", select=["name"])) == COUNT


@pytest.mark.promise("lists.page-limit")
def test_a_browser_page_has_at_most_a_thousand_documents(world: Any, models: Any) -> None:
    browser = BrowserClient("acme", "owner", world.password)
    assert browser.page("models?limit=1000").body().decode().count("<tr>") == COUNT + 1
    refused = browser.page("models?limit=1001")
    assert refused.status_code == 400
    assert "from 1 to 1000" in refused.body().decode()


@pytest.mark.promise("lists.memory")
def test_a_page_of_items_with_a_thousand_tags_takes_memory_in_proportion(world: Any, models: Any) -> None:
    Item.objects.filter(owner_id=world.acme.owner.pk).update(tags=[f"tag {number}" for number in range(1000)])
    for limit in ("10", "100", str(COUNT)):
        ok(models.get("models", query={"limit": limit}))  # what is cached
        tracemalloc.start()
        size = len(models.get("models", query={"limit": limit}).body())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert size > int(limit) * 10_000
        assert peak < 12 * size, f"{peak / size:.1f} times as much, limit {limit}"


@pytest.fixture
def patient(server: Server, tmp_path: Path) -> Iterator[Served]:
    """A registry whose lists may take long, because the machine may be busy."""
    with Served.on(server, tmp_path, QUERY_TIMEOUT="60") as registry:
        yield registry


@pytest.mark.promise("lists.large-page")
def test_ten_thousand_documents_take_less_than_200_mib(patient: Served) -> None:
    made = patient.manage("shell", "--no-imports", "--command", FILL)
    assert made.returncode == 0, made.stderr
    with administrator(patient) as client:
        before = peak_memory(patient)
        for _ in range(3):
            page = client.get("/models", params={"limit": LARGEST})
            assert page.status_code == httpx.codes.OK, page.text[:300]
        assert len({document["name"] for document in page.json()["docs"]}) == LARGEST
    peak = peak_memory(patient)
    assert peak < 200, f"{peak} MiB, before {before}, for {len(page.content) / 1024**2:.0f} MiB"
