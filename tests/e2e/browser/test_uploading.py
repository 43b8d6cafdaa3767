"""Uploads in the browser: several files, a pause, a lost connection, a closed page, bytes that are there already."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.e2e.browser.conftest import Look
from tests.e2e.browser.test_browsing import SLOW, log_in, slowed
from tests.engines import Server
from tests.served import Served
from tests.talk import administrator, created
from tests.versions.files import sha256

MB = 1_000_000


@pytest.fixture(scope="module")
def served(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A registry that a test kills and starts again."""
    with Served.on(server, tmp_path_factory.mktemp("uploading")) as registry:
        yield registry


@pytest.fixture
def api(served: Served) -> Any:
    with administrator(served) as client:
        yield client


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
    page.wait_for_timeout(2500)
    served.kill()
    page.wait_for_timeout(1500)
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_visible()
    offsets: list[int] = []
    page.on("request", lambda request: offsets.append(int(request.headers.get("upload-offset", -1))))
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
    page.wait_for_timeout(2500)
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
