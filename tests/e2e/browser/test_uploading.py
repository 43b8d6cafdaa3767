"""Uploads in the browser: several files, a pause, a lost connection, a closed page, bytes that are there already."""

import re
from pathlib import Path
from unicodedata import normalize
from uuid import uuid4
from zipfile import ZipFile

import httpx
import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.e2e.browser.conftest import Look, log_in
from tests.e2e.browser.test_browsing import SLOW, slowed
from tests.served import Served
from tests.talk import created
from tests.versions.files import sha256

MB = 1_000_000
MUCH_SENT = re.compile(r"\b[1-9]\.\d MB of")


@pytest.fixture
def model(api: httpx.Client, page: Page) -> str:
    """The path of a new model, whose page is open."""
    path = f"/models/{created(api, 'models', name=uuid4().hex)}"
    log_in(page, then=f"/v1{path}")
    return path


def files(folder: Path, *sizes: int) -> list[Path]:
    """Make files of these sizes."""
    made = [folder / f"weights {number}.bin" for number in range(len(sizes))]
    for file, size in zip(made, sizes, strict=True):
        file.write_bytes(uuid4().bytes * (size // 16))
    return made


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def versions(api: httpx.Client, model: str) -> dict[str, str]:
    """Return the sha256 of each version by its name."""
    return {each["original"]: each["sha256"] for each in api.get(model).json()["versions"]}


def expected(*paths: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()) for path in paths}


@pytest.mark.promise("uploads.pages")
def test_several_files_are_sent_with_a_bar_for_each_and_can_pause(
    page: Page, look: Look, api: httpx.Client, model: str, tmp_path: Path
) -> None:
    chosen = files(tmp_path, 2 * MB, 3 * MB, 1 * MB)
    page.get_by_label("File", exact=True).set_input_files(chosen)
    expect(page.locator("[data-chosen]")).to_have_text("3 files, 5.7 MB")
    slow = slowed(page)
    press(page, "Upload")
    expect(page.get_by_role("progressbar")).to_have_count(4)
    expect(page.locator(".progress > span")).to_contain_text("left")
    press(page, "Pause")
    expect(page.locator(".progress > span")).to_contain_text("paused")
    look(page, "upload-paused")
    slow.send("Network.emulateNetworkConditions", SLOW | {"uploadThroughput": -1})
    page.wait_for_timeout(500)
    assert versions(api, model) == {}, "it goes on"
    press(page, "Resume")
    expect(page.get_by_role("status").first).to_have_text("3 files were uploaded")
    assert versions(api, model) == expected(*chosen)


@pytest.mark.promise("uploads.pages")
def test_an_upload_goes_on_after_the_registry_was_killed_and_started_again(
    page: Page, served: Served, api: httpx.Client, model: str, tmp_path: Path, errors: list[str]
) -> None:
    (file,) = files(tmp_path, 8 * MB)
    page.get_by_label("File", exact=True).set_input_files(file)
    slow = slowed(page)
    press(page, "Upload")
    expect(page.locator(".progress > span")).to_contain_text("left")
    expect(page.locator(".progress > span")).to_contain_text(MUCH_SENT)
    try:
        with page.expect_event("requestfailed"):
            served.kill()
        expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_visible()
        offsets: list[int] = []
        page.on("request", lambda request: offsets.append(int(request.headers.get("upload-offset", -1))))
    finally:
        served.start()
    slow.send("Network.emulateNetworkConditions", SLOW | {"uploadThroughput": -1})
    expect(page.get_by_role("status").first).to_have_text(f"{file.name} was uploaded", timeout=60_000)
    assert next(offset for offset in offsets if offset >= 0) > 0, "it started over"
    assert versions(api, model) == expected(file)
    errors[:] = [error for error in errors if "net::ERR_" not in error]


@pytest.mark.promise("uploads.pages")
def test_an_upload_goes_on_after_the_page_was_closed(
    page: Page, look: Look, api: httpx.Client, model: str, tmp_path: Path
) -> None:
    (file,) = files(tmp_path, 6 * MB)
    page.get_by_label("File", exact=True).set_input_files(file)
    slowed(page)
    press(page, "Upload")
    expect(page.locator(".progress > span")).to_contain_text("left")
    expect(page.locator(".progress > span")).to_contain_text(MUCH_SENT)
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", agree)
    page.reload()
    assert asked == ["beforeunload"], "it does not ask before it is left"
    expect(page.get_by_text("An upload was interrupted")).to_contain_text(file.name)
    look(page, "upload-interrupted")
    page.get_by_label("File", exact=True).set_input_files(file)
    with page.expect_request(lambda request: request.method == "PATCH") as sent:
        press(page, "Upload")
    assert int(sent.value.headers["upload-offset"]) > 0, "it started over"
    expect(page.get_by_role("status").first).to_have_text(f"{file.name} was uploaded", timeout=60_000)
    assert versions(api, model) == expected(file)
    expect(page.get_by_text("An upload was interrupted")).to_be_hidden()


@pytest.mark.promise("uploads.pages")
def test_bytes_that_are_there_already_are_not_sent(page: Page, api: httpx.Client, model: str, tmp_path: Path) -> None:
    there, new, same_size = files(tmp_path, MB, 2 * MB, MB)
    api.put(f"{model}/versions/first.bin", content=there.read_bytes())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.post_data or ''}"))
    page.get_by_label("File", exact=True).set_input_files(there)
    press(page, "Upload")
    expected_words = f"{there.name} is there already, as version 1: nothing was sent"
    expect(page.get_by_role("status").first).to_have_text(expected_words)
    assert not any(each.startswith(("POST", "PATCH")) for each in asked)
    page.get_by_label("File", exact=True).set_input_files([there, new, same_size])
    press(page, "Upload")
    expect(page.get_by_role("status").first).to_have_text("2 files were uploaded; 1 files were there already")
    assert versions(api, model) == {"first.bin": sha256(there.read_bytes())} | expected(new, same_size)


@pytest.mark.promise("uploads.pages")
def test_files_can_be_dropped(page: Page, look: Look, api: httpx.Client, model: str) -> None:
    transfer = page.evaluate_handle(
        "() => { const data = new DataTransfer();"
        "data.items.add(new File(['dropped'], 'dropped.txt', { type: 'text/plain' })); return data; }"
    )
    form = page.locator("form[data-upload]")
    form.dispatch_event("dragenter", {"dataTransfer": transfer})
    look(page, "upload-dragged")
    form.dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.locator("[data-chosen]")).to_have_text("dropped.txt: 7 bytes")
    press(page, "Upload")
    expect(page.get_by_role("status").first).to_have_text("dropped.txt was uploaded")
    assert versions(api, model) == {"dropped.txt": sha256(b"dropped")}


def drop(page: Page, folder: Path) -> None:
    """Drop a folder on the form, as a file manager does."""
    form = page.locator("form[data-upload]")
    form.scroll_into_view_if_needed()
    box = form.bounding_box()
    assert box
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": box["x"] + box["width"] / 2, "y": box["y"] + 20, "data": data}
        session.send("Input.dispatchDragEvent", event)


def written(folder: Path, contents: dict[str, bytes]) -> Path:
    """Write files into a folder, with accented letters decomposed as macOS does."""
    for path, content in contents.items():
        file = folder / normalize("NFD", path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def stored_files(api: httpx.Client, model: str, ordinal: str) -> dict[str, str]:
    """Return the sha256 of each file of a version."""
    docs = api.get(f"{model}/versions/{ordinal}/files", params={"limit": 10_000}).json()["docs"]
    return {each["path"]: each["sha256"] for each in docs}


# Keep in the browser's session, which survives a reload, how many files have a bar of their own at most.
COUNT_BARS = """() => new MutationObserver(() => {
  const bars = document.querySelectorAll(".files li").length;
  sessionStorage.bars = Math.max(sessionStorage.bars ?? 0, bars);
}).observe(document.querySelector(".files"), { childList: true })"""


@pytest.mark.promise("uploads.folders", "browser.folder")
@pytest.mark.timeout(600)  # it uploads 2,000 files and looks at large pages
def test_a_dropped_folder_of_2000_files_is_sent_in_few_requests_and_downloaded_unchanged(
    page: Page, look: Look, api: httpx.Client, model: str, tmp_path: Path
) -> None:
    contents = {f"part {number % 20}/città {number:04}.txt": b"%d\n" % number for number in range(1998)}
    contents |= {"README.md": b"# Two thousand", "empty": b""}
    folder = written(tmp_path / "churn", contents)
    form = page.locator("form[data-upload]")
    expect(form).to_have_attribute("data-most-files", "100000")
    form.evaluate("form => (form.dataset.mostFiles = 1999)")
    drop(page, folder)
    expect(page.locator("[data-chosen]")).to_contain_text("A version has at most 1999 files.", timeout=60_000)
    press(page, "Upload")
    expect(form.get_by_role("alert")).to_contain_text("churn has 2000 files.")
    form.evaluate("form => (form.dataset.mostFiles = 2000)")
    drop(page, folder)
    expect(page.locator("[data-chosen]")).to_contain_text("churn: 2000 files", timeout=60_000)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.method))
    press(page, "Upload")
    expect(page.get_by_role("status").first).to_have_text("churn was uploaded", timeout=300_000)
    assert sum(method in ("POST", "PATCH") for method in requests) <= 6, requests
    page.get_by_role("link", name="churn", exact=True).click()
    expect(page.get_by_role("heading", name="Two thousand")).to_be_visible()
    expect(page.locator(".tree .folder")).to_have_count(20)
    look(page, "folder-large")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the SHA-256 of README.md").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == sha256(contents["README.md"])
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as zip").click()
    with ZipFile(Path(download.value.path())) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == contents

    page.go_back()
    drop(page, folder)
    expect(page.locator("[data-chosen]")).to_contain_text("churn: 2000 files", timeout=60_000)
    requests.clear()
    press(page, "Upload")
    there = "churn is there already, as version 1: nothing was sent"
    expect(page.get_by_role("status").first).to_have_text(there, timeout=60_000)
    assert not {"POST", "PATCH"}.intersection(requests)
    (folder / "empty").write_bytes(b"no longer")
    drop(page, folder)
    press(page, "Upload")
    summary = "churn was uploaded; 1999 files were there already"
    expect(page.get_by_role("status").first).to_have_text(summary, timeout=300_000)
    assert stored_files(api, model, "2") == {
        path: sha256(content) for path, content in (contents | {"empty": b"no longer"}).items()
    }
    page.goto(f"/v1{model}/versions/2")
    page.get_by_role("link", name="Compare with version 1").click()
    expect(page.get_by_text("0 added, 0 removed, 1 changed")).to_be_visible()
    look(page, "folder-changes")


@pytest.mark.promise("uploads.folders", "uploads.pages")
def test_a_folder_goes_on_after_a_pause_and_after_the_page_was_closed(
    page: Page, api: httpx.Client, model: str, tmp_path: Path
) -> None:
    contents = {f"small/{number}": uuid4().bytes * 50 for number in range(30)}
    contents |= {f"large {number}.bin": uuid4().bytes * (2 * MB // 16) for number in range(2)}
    folder = written(tmp_path / "churn", contents)
    page.locator("[data-folder]").set_input_files(folder)
    slowed(page)
    page.evaluate(COUNT_BARS)
    press(page, "Upload")
    expect(page.locator(".progress > span")).to_contain_text("30 of 32 files")
    press(page, "Pause")
    expect(page.locator(".progress > span")).to_contain_text("paused")
    press(page, "Resume")
    expect(page.locator(".progress > span")).to_contain_text("left")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    assert 0 < int(page.evaluate("sessionStorage.bars")) <= 3, "files that are not being sent have a bar"
    expect(page.get_by_text("An upload was interrupted")).to_contain_text("churn")
    sent: dict[str, int] = {}  # bytes by URL
    page.on("request", lambda request: sent.update({request.url: int(request.headers.get("upload-offset", -1))}))
    page.locator("[data-folder]").set_input_files(folder)
    press(page, "Upload")
    expect(page.get_by_role("status").first).to_have_text("churn was uploaded", timeout=60_000)
    offsets = [offset for offset in sent.values() if offset >= 0]
    assert len(offsets) <= 2, "the small files were sent again"
    assert all(offset > 0 for offset in offsets), "a large file started over"
    assert stored_files(api, model, "1") == {path: sha256(content) for path, content in contents.items()}
    expect(page.get_by_text("An upload was interrupted")).to_be_hidden()


@pytest.mark.promise("uploads.pages")
def test_a_folder_becomes_one_version(page: Page, look: Look, api: httpx.Client, model: str, tmp_path: Path) -> None:
    folder = tmp_path / "churn"
    (folder / "deep" / "er").mkdir(parents=True)
    contents = {f"deep/part {number}.bin": uuid4().bytes * 100 for number in range(8)}
    contents |= {"deep/er/empty.txt": b"", "MLmodel": b"flavors"}
    for path, content in contents.items():
        (folder / path).write_bytes(content)
    page.locator("[data-folder]").set_input_files(folder)
    expect(page.locator("[data-chosen]")).to_contain_text("churn: 10 files")
    press(page, "Upload")
    expect(page.get_by_role("status").first).to_have_text("churn was uploaded")
    (version,) = api.get(model).json()["versions"]
    assert version["original"] == "churn"
    stored = {each["path"]: each["sha256"] for each in api.get(f"{model}/versions/1/files").json()["docs"]}
    assert stored == {path: sha256(content) for path, content in contents.items()}
    page.get_by_role("link", name="churn", exact=True).click()
    expect(page.get_by_role("link", name="empty.txt")).to_be_visible()
    look(page, "folder")
