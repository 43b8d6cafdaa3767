"""The page of a large comparison: it comes in parts, each of bounded size, that together have every row."""

import re
from html import unescape
from typing import Any

import pytest

from catalog.models import Item
from registry_site.pages import compare
from tenants.rows.fences import reference_guard
from tests.client import BrowserClient
from tests.fixtures import PASSWORD
from tests.registry_site.pages.test_pages import seen

COLUMNS, ROWS = 200, 50
LARGEST = 150_000  # bytes
MORE = re.compile(r'hx-get="([^"]+)"')
NAMES = re.compile(r'<tr class="(?:same|differs)"><th scope="row">(metric-\d+)')


@pytest.fixture
def browser(world: Any) -> BrowserClient:
    """A browser where acme's owner is logged in."""
    return BrowserClient("acme", "owner", PASSWORD)


@pytest.fixture
def many(browser: BrowserClient, world: Any) -> str:
    """Models with as many metrics as there are rows; returns the URL of their comparison."""
    owner = world.acme.owner.pk
    fields = {"tenant_id": "acme", "kind": "model", "visibility": "private", "status": "test"}
    fields |= {"owner_id": owner, "readers": [owner]}
    with reference_guard("acme"):
        Item.objects.bulk_create(
            Item(
                name=f"model-with-an-ordinary-name-{column}",
                metadata=[{"name": f"metric-{row:02}", "value": (column + row) / 7} for row in range(ROWS)],
                **fields,
            )
            for column in range(COLUMNS)
        )
    return "compare?kind=model"


@pytest.mark.promise("compare.page", "pages.small")
def test_a_large_comparison_is_sent_in_small_parts(browser: BrowserClient, many: str) -> None:
    page = seen(browser.page(many))
    names = NAMES.findall(page)
    assert 0 < len(names) < ROWS
    parts = [page]
    while more := MORE.search(parts[-1]):
        part = seen(browser.get(f"compare{unescape(more[1])}", headers={"Accept": "text/html", "HX-Request": "true"}))
        assert "<html" not in part
        parts.append(part)
        names += NAMES.findall(part)
    assert names == [f"metric-{row:02}" for row in range(ROWS)]
    assert max(len(part.encode()) for part in parts) < LARGEST
    plain = seen(browser.page(f"compare{unescape(str(MORE.search(page)[1]))}"))  # type: ignore[index]
    assert "From the first row" in plain
    assert NAMES.findall(plain)[0] not in NAMES.findall(page)


@pytest.mark.promise("pages.small")
@pytest.mark.parametrize("start", ["999999", "-1", "x", "9" * 5000])
def test_any_start_of_a_part_is_answered(browser: BrowserClient, many: str, start: str) -> None:
    assert len(seen(browser.page(f"{many}&start={start}"))) < LARGEST


@pytest.mark.promise("compare.page")
def test_charts_offer_numbers_that_tell_columns_apart_first() -> None:
    rows = [
        {"field": "metadata.same", "values": [1, 1], "differs": False},
        {"field": "metadata.text", "values": ["a", "b"], "differs": True},
        {"field": "metadata.acc", "values": [0.5, None], "differs": True},
        {"field": "size", "values": [2, 3], "differs": True},
    ]
    metrics = compare._metrics(rows)
    assert list(metrics) == ["acc", "size", "same"]
    assert compare._axes(metrics) == ["size"]
