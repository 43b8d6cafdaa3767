"""Measures the pages on a filled registry: `DATABASE=… python -m benchmarks.pages`, after `python -m benchmarks.fill`.

Prints a table: the size of each page, its queries, and its CPU time in the fastest of several requests, which a busy
machine affects least. With `--output docs/performance.md` it becomes a section of the page.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_test_environment  # noqa: E402

from benchmarks.in_process import LOGIN  # noqa: E402
from benchmarks.report import with_section  # noqa: E402
from catalog.models import Item  # noqa: E402
from tenants.models import User  # noqa: E402

HTML, JSON = {"Accept": "text/html"}, {"Accept": "application/json"}
ROUNDS = 7
HEAD = """## Pages

SQLite, {count:,} items, by `python -m benchmarks.pages`: the size of the page that the server sends, its queries, and
the milliseconds of CPU time, database included, of the fastest of 7 requests of a regular user.

"""
COMPARED = 200
METRICS = 50  # of each compared model


def pages() -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Yield name, URL and headers of each page."""
    user = User.objects.get(username=LOGIN["username"], tenant=settings.DEFAULT_TENANT)
    item = Item.objects.visible_to(user).order_by("-timestamp").first()
    assert item
    models, best = "/v1/models", {"sort": '{"metadata.accuracy":"desc"}', "columns": ["name", "metadata.accuracy"]}
    every = ",".join(wide_models(user))
    yield "home", "/", HTML
    yield "models", models, HTML
    yield "models, 100 per page", f"{models}?limit=100", HTML
    yield "models, `tag:common accuracy>0.9`", f"{models}?{urlencode({'q': 'tag:common accuracy>0.9'})}", HTML
    yield "models by accuracy, with a column", f"{models}?{urlencode(best, True)}", HTML
    for facet in ("status", "visibility", "owner", "tags"):
        yield (
            f"counts by {facet}",
            f"{models}?{urlencode({'facets': facet, 'limit': '1'})}",
            HTML | {"HX-Request": "true"},
        )
    yield "a model", f"{models}/{item.pk}", HTML
    yield "tags", "/v1/tags", HTML
    yield "a tag", "/v1/tags/common", HTML
    yield "a user", f"/v1/users/{item.owner_id}", HTML
    yield "production", "/v1/aliases/production", HTML
    yield f"comparison of {COMPARED} by {METRICS}", f"/v1/compare?ids={every}", HTML
    yield f"comparison of {COMPARED} by {METRICS}, as JSON", f"/v1/compare?ids={every}", JSON


def wide_models(user: User) -> list[str]:
    """Create the models that are compared, if they do not exist; return their ids."""
    rows = Item.objects.of(user.tenant_id).filter(kind="model", name__startswith="wide-")
    if not rows.exists():
        fields = {"tenant_id": user.tenant_id, "kind": "model", "owner": user, "readers": [user.pk], "status": "test"}
        Item.objects.bulk_create(
            Item(
                name=f"wide-{number}",
                visibility="private",
                metadata=[{"name": f"metric-{row}", "value": (number + row) / 7} for row in range(METRICS)],
                **fields,
            )
            for number in range(COMPARED)
        )
    return list(rows.values_list("pk", flat=True)[:COMPARED])


def measured() -> Iterator[str]:
    """Yield the lines of the table."""
    setup_test_environment()
    client = Client()
    client.post("/login.html", {"tenant": settings.DEFAULT_TENANT, **LOGIN})
    yield from ("| page | KB | queries | ms |", "|---|---|---|---|")
    for name, address, headers in pages():
        times = []
        for _ in range(ROUNDS):
            start = time.process_time()
            with CaptureQueriesContext(connection) as captured:
                response = client.get(address, headers=headers)
            times.append(time.process_time() - start)
            assert response.status_code == 200, (name, response.status_code)
        size = len(response.content) / 1000
        yield f"| {name} | {size:.1f} | {len(captured)} | {min(times) * 1000:.0f} |"


if __name__ == "__main__":
    text = "\n".join(measured())
    print(text)
    if sys.argv[1:2] == ["--output"]:
        page = Path(sys.argv[2])
        page.write_text(with_section(page.read_text(), "pages", HEAD.format(count=Item.objects.count()) + text))
