"""The pages of drafts, and the course of a metric on the page of a draft and of the version that was made of it."""

import json
import math
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry_site.pages.drafts import READ, SHOWN
from tests.answers import assert_error, ok
from tests.client import BrowserClient
from tests.registry_site.pages.test_pages import seen
from tests.versions.drafts import draft_path
from versions import drafts
from versions.draft_models import Draft, Point
from versions.drafts import Measured
from versions.models import Version

POINTS = re.compile(r'<script id="steps" type="application/json">(.*?)</script>')


@pytest.fixture
def browser(world: Any) -> BrowserClient:
    """A browser where acme's owner is logged in."""
    return BrowserClient("acme", "owner", world.password)


def trained(owner: Any, steps: int = 3) -> str:
    """Create a draft with a series, and return its path."""
    path = draft_path(owner)
    draft = Draft.objects.get(pk=path.split("/")[1])
    values = [math.nan, *map(float, range(1, steps))]
    points = [Measured("loss", value, step, step) for step, value in enumerate(values)]
    drafts.log(draft=draft, params={"depth": "<3>"}, tags={"team": "a"}, points=points)
    return path


def drawn(page: str) -> Any:
    """Return the points that the page plots."""
    found = POINTS.search(page)
    return json.loads(found[1]) if found else None


@pytest.mark.promise("drafts.pages", "drafts.own")
def test_drafts_have_pages_for_their_user_alone(world: Any, browser: BrowserClient) -> None:
    path = trained(world.acme.owner)
    drafts.begin(owner=world.acme.owner, kind="run")  # without a name
    page = seen(browser.page("drafts"))
    for text in (f'href="/v1/{path}">run</a>', "loss 2.0", "depth &lt;3&gt;", "5\xa0bytes", "Expires", "2 drafts"):
        assert text in page, text
    page = seen(browser.page(path))
    for text in ("&lt;3&gt;", "team", "model.bin", "Promote", "Pinned", "Throw away", 'id="steps"'):
        assert text in page, text
    admin = BrowserClient("acme", "admin", world.password)
    seen(admin.page(path), 404)
    assert "Nothing here yet" in seen(admin.page("drafts"))


@pytest.mark.promise("drafts.publish")
def test_a_draft_is_promoted_to_an_existing_or_a_new_model(world: Any, browser: BrowserClient) -> None:
    path = draft_path(world.acme.owner)
    assert_error(browser.post(f"{path}/publish", json={"model": "new"}), "resource_not_found")
    for body in ({"path": "nowhere"}, {"model": "a\nb"}):
        refused = browser.post(f"{path}/publish", json={"model": "new", "create": True} | body)
        assert_error(refused, "post_request_error")
    assert ok(browser.get("models"))["docs"] == []
    for ordinal in ("1", "2"):
        made = ok(browser.post(f"{path}/publish", json={"model": "new", "create": True, "description": "good"}))
        assert (made["ordinal"], made["description"]) == (ordinal, "good")
    (model,) = ok(browser.get("models"))["docs"]
    assert (model["name"], model["visibility"], model["versions_count"]) == ("new", "private", 2)
    assert "2 versions were made of it" in seen(browser.page(path))


@pytest.mark.promise("drafts.series")
def test_a_version_shows_the_course_of_a_metric_to_its_readers(world: Any, browser: BrowserClient) -> None:
    path = trained(world.acme.owner)
    ok(browser.post(f"{path}/publish", json={"model": "churn", "create": True}))
    model = ok(browser.get("models"))["docs"][0]["_id"]
    ok(browser.put(f"models/{model}", json={"visibility": "public"}))
    expected = [{"step": 0, "value": None}, {"step": 1, "value": 1.0}, {"step": 2, "value": 2.0}]
    reader = BrowserClient("acme", "other", world.password)
    place = f"models/{model}/versions/1/info"
    for page in (seen(browser.page(path)), seen(reader.page(place)), seen(reader.page(place, query={"metric": "no"}))):
        assert drawn(page) == expected
        assert 'data-metric="loss"' in page
    assert drawn(seen(reader.page(place, query={"metric": "reached"}))) == []
    foreign = trained(world.acme.shared)
    pair = {"name": "source_run", "value": foreign.split("/")[1]}
    for published in (False, True):
        if published:
            shared = BrowserClient("acme", "shared", world.password)
            ok(shared.post(f"{foreign}/publish", json={"model": "mine", "create": True}))
        Version.objects.filter(subject=model).update(metadata=[pair])
        assert drawn(seen(browser.page(place))) is None, "another user's run, which metadata cannot open"


@pytest.mark.promise("drafts.series")
def test_a_long_series_is_thinned_out_and_cut(world: Any, browser: BrowserClient) -> None:
    path = trained(world.acme.owner)
    draft = Draft.objects.get(pk=path.split("/")[1])
    rows = [
        Point(pk=Point.key(draft.pk, "loss", step, 0, "0.5"), tenant_id="acme", step=step, milliseconds=0, value="0.5")
        for step in range(10, READ + 100)
    ]
    Point.objects.bulk_create(rows, batch_size=1000)
    with CaptureQueriesContext(connection) as captured:
        page = seen(browser.page(path))
    points = drawn(page)
    assert SHOWN - 10 < len(points) < SHOWN + 10
    assert (points[0]["step"], points[-1]["step"]) == (0, READ + 6)
    assert "its first 10,000 values" in page
    assert len(page) < 150 * 1024
    assert len(captured) <= 12
