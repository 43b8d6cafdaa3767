"""The page of a list: terms, columns and counts, all as links and forms that need no JavaScript."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.answers import ok
from tests.catalog.items import create
from tests.client import BrowserClient

PASSWORD = "Passw0rd!x"


@pytest.fixture
def browser(world: Any) -> BrowserClient:
    """A browser where acme's owner is logged in, who owns some models."""
    browser = BrowserClient("acme", "owner", PASSWORD)
    for number in range(3):
        metadata = [{"name": "f1", "value": number / 10}, {"name": "a,b", "value": True}]
        create(browser, name=f"m{number}", tags=["nlp", f"t{number}"], metadata=metadata)
    return browser


def shown(browser: BrowserClient, query: str, path: str = "/v1/models") -> str:
    response = browser.page(f"{path}?{query}")
    assert response.status_code == 200, response
    return response.body().decode()


def link(page: str, label: str) -> dict[str, list[str]]:
    """Return the parameters of the link with this text or label."""
    found = re.search(
        rf'<a href="\?([^"]*)"(?: aria-label="{re.escape(label)}"[^>]*>|[^>]*>{re.escape(label)}\b)', page
    )
    assert found, label
    return parse_qs(unescape(found[1]))


@pytest.mark.promise("pages.search")
def test_each_term_can_be_removed_and_is_shown_as_a_filter(browser: BrowserClient) -> None:
    page = shown(browser, "q=f1>0+tag:nlp&sort=%7B%22name%22:%22asc%22%7D&limit=25&page=1")
    assert link(page, "Remove f1 &gt; 0") == {"q": ["tag:nlp"], "sort": ['{"name":"asc"}'], "limit": ["25"]}
    assert link(page, "Remove tag is nlp")["q"] == ["f1>0"]
    assert "2 models found" in page
    assert "{&quot;metadata.f1&quot;: {&quot;$gt&quot;: 0}}" in page
    filtered = shown(browser, "filter=%7B%22name%22:%22m1%22%7D")
    assert link(filtered, "Remove filter {&quot;name&quot;:&quot;m1&quot;}") == {}
    refused = browser.page("/v1/models?q=created>soon")
    assert refused.status_code == 400
    assert 'value="created&gt;soon"' in refused.body().decode()


@pytest.mark.promise("pages.search")
@pytest.mark.parametrize(
    ("form", "q"),
    [
        ({"field": "f1", "operator": ">=", "value": "0.1"}, "f1>=0.1"),
        ({"field": "my field", "operator": ":", "value": "a, b", "q": "x"}, 'x "my field":"a, b"'),
        ({"field": "tag", "operator": "!=", "value": '"-q"'}, 'tag!="-q"'),
    ],
)
def test_the_form_adds_a_term(browser: BrowserClient, form: dict[str, str], q: str) -> None:
    answer = browser.page("/v1/models", query=form | {"limit": "50"})
    assert answer.status_code == 303
    assert parse_qs(answer.headers["Location"].removeprefix("?")) == {"q": [q], "limit": ["50"]}
    assert browser.page(f"/v1/models{answer.headers['Location']}").status_code == 200
    for part in form:
        if part != "q":
            assert browser.page("/v1/models", query=form | {part: ""}).status_code == 200
    assert browser.get("models", query=form).status_code == 200  # programs get the list


@pytest.mark.promise("pages.search", "lists.facets")
def test_counts_narrow_the_search(browser: BrowserClient) -> None:
    page = shown(browser, "q=f1>0")
    lazy = unescape(re.findall(r'hx-get="([^"]*)"', page)[0])
    assert "htmx.min.js" in page
    fragment = browser.get(f"/v1/models{lazy}", headers={"Accept": "text/html", "HX-Request": "true"}).body().decode()
    assert "<html" not in fragment
    assert link(fragment, "nlp")["q"] == ["f1>0 tag:nlp"]
    assert link(fragment, "owner")["q"] == ["f1>0 owner:owner"]
    whole = shown(browser, lazy.removeprefix("?"))
    assert link(whole, "training")["q"] == ["f1>0 status:training"]
    assert "<html" in whole
    assert "hx-get" not in shown(browser, "", "/v1/tags")


@pytest.mark.promise("pages.columns")
def test_columns_are_chosen_sorted_and_removed_by_the_url(browser: BrowserClient) -> None:
    page = shown(browser, "columns=name&columns=f1&columns=metadata.a,b&columns=timestamp&columns=")
    table = page[page.index("<table") : page.index("</table>")]
    heads = [re.sub(r"<[^>]*>|[↑↓]", "", head).strip() for head in re.findall(r"<th[^>]*>(.*?)</th>", table)]
    assert heads == ["Name", "f1", "a,b", "Created"]
    assert "0.2" in table
    assert "yes" in table
    assert link(page, "f1")["sort"] == ['{"metadata.f1": "desc"}']
    assert link(page, "Remove the column f1")["columns"] == ["name", "metadata.a,b", "timestamp"]
    down = shown(browser, 'columns=name&columns=f1&sort={"metadata.f1":"desc"}')
    assert down.index(">m2<") < down.index(">m0<")
    assert 'aria-sort="descending"' in down
    assert link(down, "f1")["sort"] == ['{"metadata.f1": "asc"}']
    csv = unescape(re.findall(r'href="(\?[^"]*format=csv)"', down)[0])
    assert browser.get(f"/v1/models{csv}").body().splitlines()[0] == b"name,metadata.f1"


@pytest.mark.promise("columns.synonyms")
def test_a_column_named_by_a_synonym_is_that_of_its_word(world: Any, browser: BrowserClient) -> None:
    ok(world.acme.admin.api.put("metadata/f1", json={"synonyms": ["old"]}))
    page = shown(browser, 'columns=old&columns=metadata.old&sort={"metadata.old":"desc"}')
    assert re.findall(r'data-head="([^"]*)"', page)[:2] == ["f1", "f1"]
    assert 'aria-sort="descending"' in page


@pytest.mark.promise("pages.columns")
def test_any_parameter_gives_a_page(browser: BrowserClient) -> None:
    for query in ("sort=[]", "sort=%7B%7D", "columns=%3Cb%3E&columns=metadata.", "facets=x", "q=%22", "sort=nonsense"):
        response = browser.page(f"/v1/models?{query}")
        assert response.status_code in (200, 400), query
        assert "<b>" not in response.body().decode()
