"""The pages of versions: the files of a folder, its README.md, what changed, in bounded size."""

import re
from io import BytesIO
from typing import Any
from urllib.parse import unquote
from zipfile import ZipFile

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry_site.pages.markdown import LONGEST
from registry_site.pages.tree import SHOWN
from tests.answers import ok
from tests.catalog.items import KINDS
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
    found = [part.split('"')[0].replace("&amp;", "&") for part in page.split('href="')[1:]]
    return [address for address in found if "/files/" in address]


@pytest.mark.promise("browser.folder")
def test_a_folder_has_a_page_with_its_tree_and_its_readme(browser: BrowserClient) -> None:
    path = new_item(browser, name="churning")
    post_folder(browser, path, FILES, description="Better <than> before")
    page = seen(browser.page(f"{path}/versions/churn"))
    described = "Better &lt;than&gt; before"
    for text in ("churning", "version 1", "MLmodel", "deep/", described, "in 5 files", "<h1>Churn</h1>"):
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
            with CaptureQueriesContext(connection) as captured:
                page = seen(browser.page(address)).partition("Raw request")[0]
            assert len(page) < 120_000
            assert len(captured) < SHOWN + 40
            found.update(links(page))
            new |= {address.partition("?")[0] + place.replace("&amp;", "&") for place in PLACES.findall(page)}
        waiting, seen_pages = new - seen_pages, seen_pages | new
    assert {unquote(address.partition("/files/")[2]) for address in found} == set(names)
    assert len(seen_pages) < 100
    assert "3 files, 3\xa0bytes" in seen(browser.page(f"{path}/versions/1")), "what is in a folder is not counted"


@pytest.mark.promise("browser.folder")
def test_only_the_first_files_of_a_folder_are_counted(browser: BrowserClient, monkeypatch: pytest.MonkeyPatch) -> None:
    path = new_item(browser)
    names = [f"{folder}/{number:03}" for folder in ("a", "b", "c") for number in range(SHOWN)]
    ok(send(browser, path, dict.fromkeys(names, b"xx"), original="large"))
    counted = f"{SHOWN} files, 200\xa0bytes"
    assert seen(browser.page(f"{path}/versions/1")).count(counted) == 3
    monkeypatch.setattr("registry_site.pages.tree.COUNTED", SHOWN + 1)
    page = seen(browser.page(f"{path}/versions/1"))
    assert page.count(counted) == 1
    assert page.count('class="folder"') == 3


@pytest.mark.promise("browser.folder")
def test_the_page_of_a_comparison_shows_what_changed(browser: BrowserClient) -> None:
    path = new_item(browser)
    post_folder(browser, path, FILES, metadata='[{"name": "acc", "value": 0.5}]')
    changed = {**FILES, "MLmodel": b"other", "new <b>.txt": b"n"}
    del changed["plots/roc.png"]
    post_folder(browser, path, changed, metadata='[{"name": "acc", "value": "high"}]')
    page = seen(browser.page(f"{path}/versions/2/diff"))
    counts = "1 added, 1 removed, 1 changed"
    for text in ("From version 1 to 2", counts, "new &lt;b&gt;.txt", "plots/roc.png", "MLmodel"):
        assert text in page, text
    assert "README.md" not in page.partition("Raw request")[0]
    assert "0.5" in page and "high" in page
    assert "Version 1 is the first" in seen(browser.page(f"{path}/versions/1/diff"))
    assert "No such version" in seen(browser.page(f"{path}/versions/1/diff", query={"from": "9"}), 400)


@pytest.mark.promise("browser.folder")
@pytest.mark.parametrize("kind", KINDS)
def test_the_files_of_a_folder_are_searched_on_a_page(browser: BrowserClient, kind: str) -> None:
    path = new_item(browser, kind)
    post_folder(browser, path, FILES)
    page = seen(browser.page(f"{path}/versions/1/files", query={"filter": {"path": {"$regex": "csv"}}}))
    assert sorted(browser.page(address).body() for address in set(links(page))) == [b"1,2\n", b"3\n"]
    assert f'href="/v1/{path}/versions/1/info"' in page
    wrong = seen(browser.page(f"{path}/versions/1/files", query={"filter": {"nothing": 1}}), 400)
    assert "nothing" in wrong


@pytest.mark.promise("browser.folder", "pages.markdown-safe")
def test_a_long_or_hostile_readme_is_cut_and_harmless(browser: BrowserClient) -> None:
    path = new_item(browser)
    text = "<script>alert(1)</script>\n\n" + "é" * LONGEST + "the end"
    post_folder(browser, path, FILES | {"README.md": text.encode() + b"\xff"})
    page = seen(browser.page(f"{path}/versions/1"))
    prose = page.partition('class="card prose"')[2].partition("It is longer")[0]
    assert prose and "<script" not in prose and "the end" not in prose
    post_folder(browser, path, {"a": b"1", "b": b"2"}, original="bare")
    assert "prose" not in seen(browser.page(f"{path}/versions/bare"))


@pytest.mark.promise("browser.folder")
def test_any_place_in_a_folder_can_be_asked_for(browser: BrowserClient) -> None:
    path = new_item(browser)
    post_folder(browser, path, FILES)
    assert "deep/" in seen(browser.page(f"{path}/versions/1", query={"prefix": "data"}))
    for place in ("nowhere/", "\x01", "\U0010ffff", "../", "data/a.csv", "x" * 3000, "/", "\u202e"):
        for name in ("prefix", "after"):
            seen(browser.page(f"{path}/versions/1", query={name: place}))


@pytest.mark.promise("browser.folder")
def test_a_folder_named_like_a_part_of_another_has_its_own_page(browser: BrowserClient) -> None:
    path = new_item(browser)
    for name in ("churn", "churn/info", "churn/files", "2"):
        post_folder(browser, path, {"a": name.encode(), "b": b""}, original=name)
    for ordinal, name in enumerate(("churn", "churn/info", "churn/files"), 1):
        page = seen(browser.page(f"{path}/versions/{name}"))
        assert f"version {ordinal}</p>" in page
        assert {browser.page(address).body() for address in links(page)} == {name.encode(), b""}


@pytest.mark.promise("browser.folder")
def test_a_folders_page_is_for_those_who_may_read_the_item(world: Any, browser: BrowserClient) -> None:
    path = new_item(browser, visibility="private")
    post_folder(browser, path, FILES)
    other = BrowserClient("acme", "other", world.password)
    seen(other.page(f"{path}/versions/1"), 403)
    seen(BrowserClient().page(f"{path}/versions/1"), 401)
    ok(browser.put(path, json={"visibility": "public"}))
    page = seen(other.page(f"{path}/versions/1"))
    assert "MLmodel" in page
    assert "data-delete" not in page and "data-send" not in page
