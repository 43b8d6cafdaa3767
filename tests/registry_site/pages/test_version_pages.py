"""The pages of versions: the files of a folder, its README.md, what changed, in bounded size."""

import re
from io import BytesIO
from typing import Any
from urllib.parse import unquote
from zipfile import ZipFile

import pytest

from catalog.models import Item
from registry_site.pages.markdown import LONGEST
from registry_site.pages.tree import SHOWN
from tests.answers import assert_error, ok
from tests.client import BrowserClient
from tests.registry_site.pages.test_pages import seen
from tests.versions.files import new_item, put_file
from tests.versions.test_folders import post_folder, send
from versions.models import Version, VersionFile

FILES = {
    "MLmodel": b"flavors: {}",
    "README.md": b"# Churn\n\n![plot](plots/roc.png) ![other](https://evil.example/x.png) [data](data/a.csv)",
    "data/a.csv": b"1,2\n",
    "data/deep/b #?.csv": b"3\n",
    "plots/roc.png": b"\x89PNG",
}


PLACES = re.compile(r'href="(\?[^"#]+)#files"')


@pytest.fixture(autouse=True)
def committed(transactional_db: None) -> None:
    """Folders are stored in several transactions."""


@pytest.fixture
def browser(world: Any) -> BrowserClient:
    """A browser where acme's owner is logged in."""
    return BrowserClient("acme", "owner", world.password)


def links(page: str) -> list[str]:
    """Return the addresses of all links to files."""
    return [part.split('"')[0].replace("&amp;", "&") for part in page.split('href="')[1:] if "/files/" in part.split('"')[0]]


@pytest.mark.promise("browser.folder")
def test_a_folder_has_a_page_with_its_tree_and_its_readme(browser: BrowserClient) -> None:
    path = new_item(browser, name="churning")
    post_folder(browser, path, FILES, description="Better <than> before")
    page = seen(browser.page(f"{path}/versions/churn"))
    for text in ("churning", "version 1", "MLmodel", "deep/", "Better &lt;than&gt; before", "in 5 files", "<h1>Churn</h1>"):
        assert text in page, text
    version = Version.objects.get()
    assert version.sha256 in page
    for row in VersionFile.objects.all():
        assert row.sha256 in page
    assert f'src="/v1/{path}/versions/1/files/plots/roc.png"' in page
    assert "evil.example/x.png" not in page.partition("Raw request")[0]
    downloads = {browser.page(address).body() for address in links(page)}
    assert downloads == set(FILES.values())
    with ZipFile(BytesIO(browser.page(f"{path}/versions/1?format=zip").body())) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
    assert browser.page(f"{path}/versions/1?format=tar").headers["Content-Type"] == "application/x-tar"


@pytest.mark.promise("browser.folder", "folders.archive")
def test_programs_get_the_archive_and_the_versions_of_one_file_stay_downloads(
    world: Any, browser: BrowserClient
) -> None:
    path = new_item(browser)
    post_folder(browser, path, FILES)
    put_file(browser, path, "one.bin", b"one", tags='["fast"]', metadata='[{"name": "acc", "value": 0.5}]')
    for client in (browser, world.acme.owner.api):
        answer = client.get(f"{path}/versions/1")
        assert answer.headers["Content-Type"] == "application/zip"
        assert "Accept" in answer.headers["Vary"]
    assert browser.page(f"{path}/versions/2").body() == b"one"
    page = seen(browser.page(f"{path}/versions/2/info"))
    for text in ("one.bin", "acc", "0.5", "fast", f'href="/v1/{path}/versions/2" download', "Compare with version 1"):
        assert text in page, text
    assert "created_by" in ok(browser.get(f"{path}/versions/2/info"))


@pytest.mark.promise("browser.folder")
def test_the_pages_of_a_large_folder_are_small_and_lead_to_every_file(browser: BrowserClient) -> None:
    path = new_item(browser)
    names = [f"{folder:03}{'/' if folder % 2 else '-'}{number}.txt" for folder in range(150) for number in range(3)]
    names += [f"big/{number:04}" for number in range(2 * SHOWN)] + ["a0", "a/b", "a-", "a /c", "zz"]
    ok(send(browser, path, dict.fromkeys(names, b"x"), original="large"))
    found: set[str] = set()
    waiting = seen_pages = {f"/v1/{path}/versions/1"}
    while waiting:
        new: set[str] = set()
        for address in waiting:
            page = seen(browser.page(address)).partition("Raw request")[0]
            assert len(page) < 120_000
            found.update(links(page))
            new |= {address.partition("?")[0] + place.replace("&amp;", "&") for place in PLACES.findall(page)}
        waiting, seen_pages = new - seen_pages, seen_pages | new
    assert {unquote(address.partition("/files/")[2]) for address in found} == set(names)
    assert len(seen_pages) < 100
