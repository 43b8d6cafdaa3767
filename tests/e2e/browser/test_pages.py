"""The public pages."""

import re

from playwright.sync_api import Page, expect

from registry_site import __version__
from tests.e2e.browser.conftest import Look
from tests.served import Served
from tests.talk import administrator, created

SWAGGER = frozenset({"heading-order", "region"})  # of the page that Swagger UI draws


def test_the_landing_page_describes_the_registry_and_its_links_work(page: Page, look: Look) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="Model Registry")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Healthy")
    expect(page.get_by_text(f"Version {__version__}")).to_be_visible()
    look(page, "landing")
    for link in page.get_by_role("link").all():
        answer = page.request.get(str(link.get_attribute("href")))
        assert answer.status in (200, 401), link.get_attribute("href")  # the API needs a token
    page.get_by_role("link", name="Documentation").click()
    expect(page.locator("#swagger-ui").get_by_role("heading", name="Model Registry")).to_be_visible()


def is_foreign(url: str, served: Served) -> bool:
    """Return whether a request goes to another host; styles may contain `data:` images."""
    return not url.startswith((served.base_url, "data:"))


def test_the_documentation_can_be_tried_with_a_token_that_survives_a_reload(
    page: Page, look: Look, served: Served
) -> None:
    page.set_default_timeout(60_000)  # it renders a large document, possibly while other tests run
    foreign: list[str] = []
    page.on("request", lambda request: foreign.append(request.url) if is_foreign(request.url, served) else None)
    client = administrator(served)
    id = created(client, "tags", _id="tried-in-the-browser")
    page.goto("/docs.html")
    expect(page.locator("#operations-tag-Algorithms")).to_contain_text("Algorithms that models are trained with")
    look(page, "docs", SWAGGER)

    page.get_by_role("button", name="Authorize").click()
    page.get_by_label("Value:").first.fill(client.headers["Authorization"])
    look(page, "docs-authorize", SWAGGER)
    page.get_by_role("button", name="Apply credentials").first.click()
    page.get_by_role("button", name="Close").first.click()
    page.reload()

    page.locator("#operations-tag-Tags").click()
    operation = page.locator("#operations-Tags-getTag")
    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_placeholder("id").fill(id)
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table")
    expect(answer.locator(".response-col_status").nth(1)).to_have_text(re.compile("200"))
    expect(answer).to_contain_text(id)
    look(page, "docs-tried", SWAGGER)
    assert foreign == []
