"""The pages in a browser: log in, create a dataset and a model, upload, search, edit, share, delete, log out."""

import re
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import CDPSession, Dialog, Page, expect

from tests.e2e.browser.conftest import TENANT, Look, log_in
from tests.registry_site.pages.test_markdown import HOSTILE
from tests.served import ADMIN_PASSWORD, Served
from tests.talk import created

GRACE = "C0b0l-59!"
SLOW = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 500_000}  # bytes per second


@pytest.fixture
def mark() -> str:
    """A word that only this test's names contain: all tests share one registry."""
    return f"churn{uuid4().hex[:6]}"


@pytest.fixture
def grace(api: httpx.Client) -> str:
    """A regular user's name."""
    api.post("/users", json={"username": "grace", "password": GRACE})
    return "grace"


def add_word(page: Page, group: str, word: str) -> None:
    page.get_by_label(f"Add to {group}").fill(word)
    page.get_by_label(f"Add to {group}").press("Enter")


def add_row(page: Page, name: str, value: str, kind: str = "Text") -> None:
    page.get_by_role("button", name="Add row").click()
    row = page.locator(".pair").last
    row.get_by_label("Name").fill(name)
    row.get_by_label("Type").select_option(kind)
    if kind == "Boolean":
        row.locator("[data-part=truth]").select_option(value)
    else:
        row.locator("[data-part=text]").fill(value)


def slowed(page: Page) -> CDPSession:
    """Throttle uploads so that their progress is visible; return the session, which can change the rate."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", SLOW)
    return session


def test_a_wrong_password_shows_an_error_and_a_right_one_logs_in(page: Page, look: Look) -> None:
    page.goto("/v1/datasets")
    expect(page.get_by_role("heading", name="Authentication error")).to_be_visible()
    look(page, "browse-not-logged-in")
    page.get_by_role("main").get_by_role("link", name="Log in").click()
    expect(page.get_by_label("Tenant")).to_have_value(TENANT)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Incorrect username or password")
    look(page, "browse-login-refused")
    page.get_by_label("Password").fill(ADMIN_PASSWORD)
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("heading", name="Datasets")).to_be_visible()
    expect(page.locator("header")).to_contain_text("admin")


def test_a_model_is_created_with_dataset_tags_metadata_and_users(
    page: Page, look: Look, api: httpx.Client, grace: str, mark: str
) -> None:
    log_in(page, then="/v1/datasets")
    page.get_by_text("New dataset").click()
    page.get_by_label("Name", exact=True).fill(f"{mark}-data")
    page.get_by_label("Visibility").first.select_option("public")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("status")).to_have_text("The dataset was created")
    expect(page.get_by_role("heading", name=f"{mark}-data")).to_be_visible()
    dataset = page.url.rsplit("/", 1)[1]

    page.get_by_role("link", name="Models", exact=True).first.click()
    page.get_by_text("New model").click()
    page.get_by_label("Name", exact=True).fill(mark)
    page.get_by_label("Status").first.select_option("test")
    add_word(page, "tags", mark)
    add_word(page, "tags", "onnx")
    add_word(page, "shared with users", grace)
    add_word(page, "datasets", f"{mark}-data")
    add_row(page, "accuracy", "0.95", "Number")
    add_row(page, "framework", "scikit-learn")
    add_row(page, "balanced", "false", "Boolean")
    look(page, "browse-new-model")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("status")).to_have_text("The model was created")
    look(page, "browse-model")

    model = api.get(f"/models/{page.url.rsplit('/', 1)[1]}").json()
    assert (model["status"], model["visibility"], model["tags"]) == ("test", "private", [mark, "onnx"])
    assert [user["username"] for user in model["users"]] == [grace]
    assert model["datasets"] == [{"_id": dataset, "name": f"{mark}-data"}]
    assert {pair["name"]: pair["value"] for pair in model["metadata"]} == {
        "accuracy": 0.95,
        "framework": "scikit-learn",
        "balanced": False,
    }

    page.get_by_role("link", name=f"{mark}-data").click()
    expect(page.get_by_role("heading", name=f"{mark}-data")).to_be_visible()
    page.get_by_role("definition").get_by_role("link", name="Models").click()
    expect(page.get_by_role("link", name=mark, exact=True).first).to_be_visible()
    page.locator("td.cell-words").get_by_role("link", name=mark).click()
    expect(page.get_by_role("searchbox", name="Search")).to_have_value(f"tag:{mark}")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_an_error_is_shown_in_the_form_and_keeps_its_input(
    page: Page, look: Look, api: httpx.Client, mark: str
) -> None:
    created(api, "datasets", name=mark)
    log_in(page, then="/v1/datasets")
    page.get_by_text("New dataset").click()
    page.get_by_label("Name", exact=True).fill(mark)
    add_word(page, "shared with users", "nobody-of-that-name")
    page.get_by_role("button", name="Create").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("A dataset with the same name already exists for this user")
    look(page, "browse-refused")
    page.get_by_label("Name", exact=True).fill(f"{mark}-2")
    page.get_by_role("button", name="Create").click()
    expect(alert).to_contain_text("User not existent (nobody-of-that-name)")
    page.get_by_role("button", name="Remove nobody-of-that-name").click()
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name=f"{mark}-2")).to_be_visible()


def test_a_list_is_searched_ordered_and_paged(page: Page, look: Look, api: httpx.Client, mark: str) -> None:
    for number in range(12):
        metadata = [{"name": "rows", "value": number}]
        created(api, "models", name=f"{mark}.{number:02}", tags=[mark, f"t{number % 2}"], metadata=metadata)
    log_in(page)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
    page.keyboard.type(f"name:{mark}.")
    page.keyboard.press("Enter")
    page.get_by_role("columnheader", name="Name").get_by_role("link").click()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(10)
    expect(rows.first).to_contain_text(f"{mark}.00")
    expect(page.get_by_text("12 models found")).to_be_visible()
    expect(page.get_by_role("searchbox", name="Search")).to_have_value(f"name:{mark}.")
    look(page, "browse-list")
    page.get_by_role("link", name="Next").click()
    expect(rows).to_have_count(2)
    expect(page.get_by_text("Page 2 of 2 · 11–12")).to_be_visible()
    page.get_by_role("link", name="Previous").click()
    expect(rows).to_have_count(10)

    page.get_by_text("Filter as JSON").click()
    page.get_by_label("Filter", exact=True).fill('{"metadata.rows": {"$gte": 10}}')
    page.get_by_label("Fields to return").fill('["name", "tags"]')
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("searchbox", name="Search").fill(f"name:{mark}. tag:t1")
    page.get_by_role("button", name="Search").click()
    expect(rows).to_have_count(1)
    expect(page.locator("thead th")).to_have_text(["Name ↑", "Tags"])
    expect(rows.first).to_contain_text(f"{mark}.11")

    page.get_by_label("Filter", exact=True).fill('{"metadata.rows": {"$above": 10}}')
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("alert")).to_contain_text("$above")
    look(page, "browse-filter-refused")
    page.get_by_role("link", name="Clear all").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_version_is_uploaded_with_progress_downloaded_and_deleted(
    page: Page, look: Look, api: httpx.Client, served: Served, mark: str, tmp_path: Path
) -> None:
    model = created(api, "models", name=mark)
    file = tmp_path / "città model.onnx"
    file.write_bytes(bytes(range(256)) * 4096 * 8)
    log_in(page, then=f"/v1/models/{model}")
    page.get_by_label("File", exact=True).set_input_files(file)
    page.locator("form[data-upload]").get_by_label("Description").fill("Beats the baseline")
    slow = slowed(page)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator(".progress")).to_contain_text("of 8.0 MB")
    look(page, "browse-uploading")
    slow.send("Network.emulateNetworkConditions", SLOW | {"uploadThroughput": -1})
    expect(page.get_by_role("status")).to_have_text("città model.onnx was uploaded")
    expect(page.locator("table")).to_contain_text("8.0")
    expect(page.locator("table")).to_contain_text("Beats the baseline")
    look(page, "browse-versions")

    with page.expect_download() as download:
        page.get_by_role("link", name="città model.onnx").click()
    assert download.value.suggested_filename == file.name
    assert Path(download.value.path()).read_bytes() == file.read_bytes()

    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_label("Ordinal").fill("1")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Ordinal value duplicated: 1")

    page.get_by_role("link", name="Search all versions").click()
    expect(page.get_by_role("heading", name="Versions")).to_be_visible()
    look(page, "browse-list-of-versions")
    page.go_back()
    page.get_by_role("button", name="Delete version 1").click()
    expect(page.get_by_role("dialog")).to_contain_text("città model.onnx, version 1")
    look(page, "browse-delete")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Delete version 1").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No file has been uploaded yet.")).to_be_visible()
    assert api.get(f"/models/{model}").json()["versions"] == []


def test_a_cancelled_upload_leaves_nothing(page: Page, api: httpx.Client, mark: str, tmp_path: Path) -> None:
    model = created(api, "models", name=mark)
    (tmp_path / "half.bin").write_bytes(bytes(8_000_000))
    log_in(page, then=f"/v1/models/{model}")
    slowed(page)
    page.get_by_label("File", exact=True).set_input_files(tmp_path / "half.bin")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator(".progress")).to_contain_text("of 7.6 MB")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text("The upload was cancelled")
    expect(page.get_by_role("button", name="Upload", exact=True)).to_be_enabled()
    assert api.get(f"/models/{model}").json()["versions"] == []


def test_an_edit_sends_only_what_changed(page: Page, look: Look, api: httpx.Client, grace: str, mark: str) -> None:
    metadata = [
        {"name": "precise", "value": 9007199254740993},
        {"name": "accuracy", "value": 0.9},
        {"name": "note", "value": "old"},
    ]
    model = created(api, "models", name=mark, users=[grace], tags=["stays", "goes"], metadata=metadata)
    log_in(page, then=f"/v1/models/{model}")
    page.get_by_text("Edit", exact=True).click()
    page.get_by_label("Status").select_option("production")
    page.get_by_role("button", name="Remove goes").click()
    page.get_by_label("Add to tags").fill("typed but not added")
    page.get_by_role("button", name=f"Remove {grace}").click()
    page.locator(".pair").nth(1).locator("[data-part=text]").fill("0.97")
    page.locator(".pair").nth(2).get_by_role("button", name="Remove this row").click()
    look(page, "browse-edit")
    with page.expect_request(lambda request: request.method == "PUT") as sent:
        page.get_by_role("button", name="Save").click()
    assert sent.value.post_data_json == {
        "status": "production",
        "tags": {"remove": ["goes"], "add": ["typed but not added"]},
        "users": {"remove": [api.get(f"/users/{grace}").json()["_id"]], "add": []},
        "metadata": {"remove": [{"name": "note"}], "add": [{"name": "accuracy", "value": 0.97}]},
    }
    expect(page.get_by_role("status")).to_have_text("The model was changed")
    changed = api.get(f"/models/{model}").json()
    assert (changed["status"], changed["tags"], changed["users"]) == (
        "production",
        ["stays", "typed but not added"],
        [],
    )
    assert changed["metadata"] == [metadata[0], {"name": "accuracy", "value": 0.97}]
    page.get_by_text("Edit", exact=True).click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("No changes")


def test_a_description_is_written_rendered_and_runs_nothing(
    page: Page, look: Look, api: httpx.Client, served: Served, mark: str
) -> None:
    asked, dialogs = [], []
    page.on("request", lambda request: asked.append(request.url))

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    hostile = "\n\n".join(
        sorted(HOSTILE, key=lambda text: "<!" in text or "plaintext" in text)
    )  # they hide what follows
    model = created(api, "models", name=mark, description=f"# Title\n\n{hostile}")
    log_in(page, then=f"/v1/models/{model}")
    expect(page.locator(".prose").get_by_role("heading", name="Title")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert not dialogs
    assert [url for url in asked if not url.startswith((served.base_url, "data:"))] == []
    assert page.evaluate("typeof document.forms.length + typeof document.cookie") == "numberstring"
    page.get_by_text("Edit", exact=True).click()
    page.get_by_label("Description (Markdown)").fill("| a | b |\n| - | - |\n| **c** | d |\n\n> quoted\n\n    code")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".prose").get_by_role("cell", name="c")).to_be_visible()
    look(page, "browse-description")
    assert api.get(f"/models/{model}").json()["description"].startswith("| a | b |\n")


def test_words_of_a_version_are_shown_and_edited(page: Page, look: Look, api: httpx.Client, mark: str) -> None:
    model = created(api, "models", name=mark)
    query = {"tags": '["first"]', "metadata": '[{"name": "acc", "value": 0.5}]'}
    assert api.put(f"/models/{model}/versions/a.onnx", params=query, content=b"x").status_code == 200
    log_in(page, then=f"/v1/models/{model}")
    expect(page.locator("table.list .tag")).to_have_text("first")
    page.get_by_role("link", name="Edit version 1").click()
    form = page.locator("form[data-method=PATCH]")
    form.get_by_label("Description").fill("Better")
    form.get_by_label("Add to tags").fill("second")
    form.get_by_label("Add to tags").press("Enter")
    form.get_by_role("textbox", name="Value").fill("0.75")
    look(page, "browse-edit-version")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Version 1 was changed")
    (version,) = api.get(f"/models/{model}").json()["versions"]
    assert (version["description"], version["tags"]) == ("Better", ["first", "second"])
    assert version["metadata"] == [{"name": "acc", "value": 0.75}]


def test_words_are_suggested_while_typing(page: Page, api: httpx.Client, mark: str) -> None:
    created(api, "models", name=mark, tags=[f"{mark}.first", f"{mark}.second", "another"])
    log_in(page, then="/v1/datasets")
    page.get_by_text("New dataset").click()
    page.get_by_label("Add to tags").press_sequentially(f"{mark}.")
    options = page.locator("fieldset.words[data-name=tags] datalist option")
    expect(options).to_have_count(2)
    assert {options.nth(number).get_attribute("value") for number in range(2)} == {f"{mark}.first", f"{mark}.second"}


def test_an_administrator_manages_users_and_words(page: Page, look: Look, api: httpx.Client, mark: str) -> None:
    log_in(page, then="/v1/users")
    page.get_by_text("New user").click()
    page.get_by_label("Username", exact=True).fill(mark)
    page.get_by_label("Password", exact=True).fill("weak")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_contain_text("The password strength is Too weak")
    page.get_by_label("Password", exact=True).fill("Str0ng-enough")
    page.get_by_label("Password expires after").fill("90")
    look(page, "browse-new-user")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name=mark)).to_be_visible()
    assert api.get(f"/users/{mark}").json()["validityPasswordDays"] == 90
    page.get_by_text("Change password or e-mail").click()
    page.get_by_label("E-mail").fill(f"{mark}@example.org")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("definition").filter(has_text=f"{mark}@example.org")).to_be_visible()
    look(page, "browse-user")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_have_text(f"{mark} was deleted")
    expect(page.get_by_role("heading", name="Users")).to_be_visible()
    look(page, "browse-users")

    page.get_by_role("link", name="Tags", exact=True).click()
    page.get_by_text("New tag").click()
    page.get_by_label("Name", exact=True).fill(f"{mark}/a tag?")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name=f"{mark}/a tag?")).to_be_visible()
    look(page, "browse-tag")
    page.get_by_role("link", name="Tags", exact=True).first.click()
    look(page, "browse-tags")
    api.post("/tags", json={"_id": f"{mark}/a tag"})
    page.get_by_role("link", name=f"{mark}/a tag?").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_have_text(f"{mark}/a tag? was deleted")
    expect(page.get_by_role("link", name=f"{mark}/a tag", exact=True)).to_be_visible()
    for place in ("Metadata", "Algorithms", "Log"):
        page.get_by_role("navigation", name="Registry").get_by_role("link", name=place).click()
        expect(page.get_by_role("heading", name=place)).to_be_visible()
    look(page, "browse-log")


@pytest.mark.promise("tokens.pages", "tokens.once")
def test_a_token_is_shown_once_copied_used_and_revoked(page: Page, look: Look, served: Served, mark: str) -> None:
    log_in(page, then="/v1/tokens")
    page.get_by_text("New token").click()
    page.get_by_label("Name", exact=True).fill(mark)
    page.get_by_label("Scopes", exact=True).fill("models:execute")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert")).to_contain_text("Unknown access in `models:execute`")
    page.get_by_label("Scopes", exact=True).fill("models:read\n\nmodels:write:churn-*\n")
    look(page, "browse-new-token")
    page.get_by_role("button", name="Create").click()
    shown = page.get_by_label("Copy the token now")
    expect(shown).to_be_focused()
    secret = shown.input_value()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    look(page, "browse-token-shown")
    url, headers = f"{served.base_url}/v1/models", {"Authorization": f"Bearer {secret}"}
    assert httpx.get(url, headers=headers).status_code == 200
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("link", name=mark)).to_be_visible()
    assert secret not in page.content()
    look(page, "browse-tokens")
    page.get_by_role("link", name=mark).click()
    expect(page.get_by_role("definition").filter(has_text="models:write:churn-*")).to_be_visible()
    assert secret not in page.content()
    look(page, "browse-token")
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status")).to_have_text(f"{mark} was revoked")
    assert httpx.get(url, headers=headers).status_code == 401


def test_a_regular_user_sees_readable_items_and_no_other_forms(
    page: Page, look: Look, api: httpx.Client, grace: str, mark: str
) -> None:
    hidden = created(api, "models", name=f"{mark}-hidden")
    shared = created(api, "models", name=f"{mark}-shared", users=[grace])
    log_in(page, grace, GRACE, then=f"/v1/models/{shared}")
    expect(page.get_by_text("Upload a version")).to_have_count(0)
    expect(page.get_by_text("Edit", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Delete this model")).to_have_count(0)
    expect(page.get_by_role("link", name="Log", exact=True)).to_have_count(0)
    page.goto("/v1/users")
    expect(page.get_by_text("New user")).to_have_count(0)
    page.goto(f"/v1/models/{hidden}")
    expect(page.get_by_role("heading", name="You cannot read this resource")).to_be_visible()
    look(page, "browse-forbidden")
    page.goto("/v1/info")
    expect(page.get_by_role("definition").filter(has_text=re.compile("production"))).to_be_visible()
    look(page, "browse-info")


def test_a_model_is_deleted_and_pages_need_a_login_after_logging_out(
    page: Page, look: Look, api: httpx.Client, mark: str
) -> None:
    model = created(api, "models", name=mark)
    log_in(page, then=f"/v1/models/{model}", again=True)
    page.get_by_role("button", name="Delete this model").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_have_text(f"{mark} was deleted")
    assert api.get(f"/models/{model}").status_code == 404
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are logged out")).to_be_visible()
    look(page, "browse-logged-out")
    page.go_back()
    page.reload()
    expect(page.get_by_role("heading", name="Authentication error")).to_be_visible()


def test_the_keyboard_is_enough(page: Page, api: httpx.Client, mark: str) -> None:
    log_in(page, then="/v1/datasets")
    page.locator("#new summary").focus()
    for key in ("Enter", "Tab"):
        page.keyboard.press(key)
    page.keyboard.type(mark)
    page.get_by_label("Add to tags").focus()
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=mark)).to_be_visible()
    page.wait_for_load_state()  # the script opens the dialog
    delete = page.get_by_role("button", name="Delete this dataset")
    delete.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(delete).to_be_focused()
    assert api.get("/datasets", params={"filter": f'{{"name":"{mark}"}}'}).json()["totalDocs"] == 1
