"""Imports a registry of the original service: completely, repeatedly, and as a dry run that writes nothing."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from bson import ObjectId
from django.core.management import CommandError

from tenants.identity.authentication import issue_token
from tenants.models import Tenant, User
from tests.answers import assert_error, login, ok
from tests.client import ApiClient
from tests.registry_site.operations.importing.original import OriginalRegistry, at, bcrypted
from tests.registry_site.operations.importing.running import Outcome, everything, run
from tests.served import ROOT

ITEMS = ("models", "datasets", "algorithms")
ONNX, CSV = b"\x08\x09onnx" * 400_000, b"a,b\n1,2\n"


def bring(original: OriginalRegistry, *words: str) -> Outcome:
    return run("import_measurify", "--database", original.url, "--uploads", original.folder, *words)


def api_of(tenant: str, username: str) -> ApiClient:
    return ApiClient(issue_token(User.objects.of(tenant).get(username=username)))


def hex_of(time: Any) -> str:
    return str(time.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


@pytest.fixture
def furnished(original: OriginalRegistry) -> Any:
    """An original with a tenant that has every kind of data."""
    acme = original.tenant("acme")
    ids: dict[str, Any] = {"root": acme.user("root", role="admin"), "ada": acme.user("ada"), "bob": acme.user("bob")}
    acme.word("tags", "vision", ids["root"], usage="default")
    acme.word("tags", "folksy", ids["ada"])
    acme.word("metadatas", "accuracy", ids["ada"])
    ids["data"] = acme.item(
        "dataset",
        "churn-data",
        ids["ada"],
        visibility="public",
        versions=[original.version(1, "churn.csv", CSV, mimetype="text/csv")],
    )
    ids["algorithm"] = acme.item("algorithm", "forest", ids["bob"], status="test")
    ids["model"] = acme.item(
        "model",
        "churn",
        ids["ada"],
        users=[ids["bob"]],
        datasets=[ids["data"]],
        status="production",
        tags=["vision", "folksy"],
        metadata=[{"name": "accuracy", "value": "0.95"}],
        lastmod=at(9),
        versions=[
            original.version(1, "churn.onnx", b"first", description="The first,\n\tof many"),
            original.version("rc-2", "churn.onnx", ONNX, timestamp=at(8)),
        ],
    )
    return SimpleNamespace(tenant=acme, registry=original, **ids)


def test_everything_of_a_tenant_is_imported_with_its_ids_and_times(furnished: Any) -> None:
    outcome = bring(furnished.registry)
    assert outcome.left_out == outcome.changed == outcome.existing == {}
    assert outcome.imported == {
        "tenant": 1,
        "user": 3,
        "tag": 2,
        "metadata name": 1,
        "dataset": 1,
        "algorithm": 1,
        "model": 1,
        "version": 3,
    }
    api = api_of("acme", "root")
    model = ok(api.get(f"models/{furnished.model}"))
    versions = {version["ordinal"]: version for version in model.pop("versions")}
    assert model.pop("versions_count") == 2
    assert model == {
        "_id": str(furnished.model),
        "id": str(furnished.model),
        "name": "churn",
        "description": "",
        "owner": str(furnished.ada),
        "owner_username": "ada",
        "visibility": "private",
        "users": [{"_id": str(furnished.bob), "username": "bob"}],
        "datasets": [{"_id": str(furnished.data), "name": "churn-data"}],
        "status": "production",
        "tags": ["vision", "folksy"],
        "metadata": [{"name": "accuracy", "value": "0.95"}],
        "aliases": {},
        "timestamp": hex_of(at(5)),
        "lastmod": hex_of(at(9)),
    }
    assert {ordinal: version["description"] for ordinal, version in versions.items()} == {
        "1": "The first,\n\tof many",
        "rc-2": "Trained on more",
    }
    assert {ordinal: version["timestamp"] for ordinal, version in versions.items()} == {
        "1": hex_of(at(6)),
        "rc-2": hex_of(at(8)),
    }
    assert ok(api.get(f"datasets/{furnished.data}"))["versions"][0]["mimetype"] == "text/csv"
    assert ok(api.get(f"algorithms/{furnished.algorithm}"))["status"] == "test"
    assert ok(api.get("tags/vision"))["usage"] == "default"
    assert ok(api.get("tags/folksy")) == {
        "_id": "folksy",
        "id": "folksy",
        "usage": "folk",
        "description": "",
        "synonyms": [],
        "owner": str(furnished.ada),
        "owner_username": "ada",
        "timestamp": hex_of(at(3)),
    }
    ada = ok(api.get("users/ada"))
    assert (ada["createdPassword"], ada["timestamp"]) == (hex_of(at(2)), hex_of(at(1)))
    assert Tenant.objects.get(pk="acme").organization == "Measurify org"


def test_a_download_returns_the_bytes_that_were_uploaded_to_the_original(furnished: Any) -> None:
    bring(furnished.registry)
    api = api_of("acme", "bob")
    for ordinal, content in {"1": b"first", "rc-2": ONNX}.items():
        assert api.get(f"models/{furnished.model}/versions/{ordinal}").body() == content
    assert api.get(f"datasets/{furnished.data}/versions/churn.csv").body() == CSV


def test_running_it_again_changes_nothing(furnished: Any) -> None:
    first = bring(furnished.registry)
    ok(api_of("acme", "ada").put(f"models/{furnished.model}", json={"tags": {"remove": ["folksy"]}}))
    before = everything()
    again = bring(furnished.registry)
    assert everything() == before
    assert again.existing == first.imported
    assert again.imported == again.changed == again.left_out == {}


def test_running_it_again_imports_what_was_added_since(furnished: Any) -> None:
    bring(furnished.registry)
    model, registry = furnished.model, furnished.registry
    stored = furnished.tenant.database["models"].find_one({"_id": model})
    furnished.tenant.change("model", model, versions=[*stored["versions"], registry.version(3, "new.onnx", b"third")])
    assert bring(registry).imported == {"version": 1}
    assert api_of("acme", "ada").get(f"models/{model}/versions/3").body() == b"third"


def test_a_dry_run_changes_nothing_and_prints_the_report_of_a_real_run(furnished: Any) -> None:
    furnished.tenant.item("model", "orphan", ObjectId(), versions=[{"ordinal": "1", "key": "gone", "original": "x"}])
    before = everything()
    dry = bring(furnished.registry, "--dry-run")
    assert everything() == before
    assert "Nothing was written" in dry.output
    real = bring(furnished.registry)
    assert (dry.imported, dry.changed, dry.left_out) == (real.imported, real.changed, real.left_out)


def test_only_the_requested_tenants_are_imported(furnished: Any) -> None:
    furnished.registry.tenant("rival").user("root", role="admin")
    with pytest.raises(CommandError, match="'nowhere'"):
        bring(furnished.registry, "--tenant", "rival", "--tenant", "nowhere")
    assert set(Tenant.objects.values_list("pk", flat=True)) == {"rival"}


def test_a_tenant_without_a_database_is_reported_and_the_others_are_imported(furnished: Any) -> None:
    furnished.registry.tenant("ghost")
    with pytest.raises(CommandError, match="'ghost'"):
        bring(furnished.registry)
    assert set(Tenant.objects.values_list("pk", flat=True)) == {"acme"}


def test_a_missing_catalogue_is_an_error(original: OriginalRegistry) -> None:
    with pytest.raises(CommandError, match="has no tenants"):
        bring(original)


def _shapes(document: Any, path: str) -> set[str]:
    """Return the names of all fields of a document, with those of the documents in its lists."""
    shapes = set()
    for field, value in document.items():
        shapes.add(f"{path}.{field}")
        for each in value if isinstance(value, list) else ():
            shapes |= _shapes(each, f"{path}.{field}") if isinstance(each, dict) else set()
    return shapes


def test_the_import_page_covers_every_field_of_the_original(furnished: Any) -> None:
    found: set[str] = set()
    client = furnished.registry.client
    for database in furnished.registry.databases():
        for collection in client[database].list_collection_names():
            for document in client[database][collection].find():
                found |= _shapes(document, "items" if collection in ITEMS else collection)
    section = (ROOT / "docs" / "import.md").read_text().split("### Field by field")[1].split("\n#")[0]
    assert set(re.findall(r"^\| `([a-z_]+\.[\w.]+)` \| \S", section, re.M)) == found


@pytest.mark.promise("password.hashed")
def test_an_imported_password_logs_in_and_is_rehashed_with_argon2(furnished: Any) -> None:
    bring(furnished.registry)
    api, ada = ApiClient(), User.objects.get(username="ada")
    earlier = ApiClient(issue_token(ada))
    assert ada.password.startswith("bcrypt$$2a$")
    assert_error(login(api, "acme", "ada", "wrong"), "authentication_error")
    first = ok(login(api, "acme", "ada", "ada-Passw0rd"))
    ada.refresh_from_db()
    assert ada.password.startswith("argon2")
    assert ada.password_changed == at(2)
    for token in (first["token"], ok(login(api, "acme", "ada", "ada-Passw0rd"))["token"], earlier.token):
        ok(ApiClient(token).get("models"))


def test_only_the_first_72_bytes_of_an_imported_password_count(furnished: Any) -> None:
    password = "Passw0rd" * 9 + "not looked at"
    furnished.tenant.user("long", password=bcrypted(password))
    bring(furnished.registry)
    assert_error(login(ApiClient(), "acme", "long", password[:71]), "authentication_error")
    ok(login(ApiClient(), "acme", "long", password))


@pytest.mark.promise("password.hashed")
def test_a_clear_text_password_is_hashed_by_the_import(original: OriginalRegistry) -> None:
    original.tenant("open", passwordhash=False).user("ada", role="admin", password="Op3n-door")
    bring(original)
    assert "Op3n-door" not in str(everything())
    assert User.objects.get(username="ada").password.startswith("argon2")
    ok(login(ApiClient(), "open", "ada", "Op3n-door"))


@pytest.mark.parametrize("kept", ["5f4dcc3b5aa765d61d8327deb882cf99", "", "$2a$31$" + "a" * 53])
def test_a_password_hash_of_an_unknown_format_allows_no_login(original: OriginalRegistry, kept: str) -> None:
    original.tenant("acme").user("ada", role="admin", password=kept)
    assert bring(original).line("user 'ada'", "the password cannot be imported")
    assert login(ApiClient(), "acme", "ada", kept).status_code in (400, 401)


def test_a_password_keeps_its_age_and_its_validity(original: OriginalRegistry) -> None:
    original.tenant("acme").user("ada", role="admin", validityPasswordDays=30)
    bring(original)
    assert_error(login(ApiClient(), "acme", "ada", "ada-Passw0rd"), "authentication_error", "validity expired")


def test_an_existing_user_stays_and_gets_the_items_of_an_imported_one_of_the_same_name(furnished: Any) -> None:
    bring(furnished.registry)
    here = User.objects.get(username="ada")
    furnished.tenant.database["users"].delete_one({"_id": furnished.ada})
    twin = furnished.tenant.user("ada", password=bcrypted("Another-1"), email="twin@example.org")
    item = furnished.tenant.item("model", "twins", twin, users=[twin])
    assert bring(furnished.registry).line("user 'ada'", "a user with that name exists")
    assert ok(api_of("acme", "root").get(f"models/{item}"))["owner"] == here.pk
    assert_error(login(ApiClient(), "acme", "ada", "Another-1"), "authentication_error")
    ok(login(ApiClient(), "acme", "ada", "ada-Passw0rd"))


def test_tenants_with_copied_databases_stay_separate(furnished: Any) -> None:
    copy = furnished.registry.tenant("copy", database=furnished.tenant.database.name)
    outcome = bring(furnished.registry)
    assert outcome.left_out == {}
    for tenant in ("acme", copy.id):
        docs = ok(api_of(tenant, "ada").get("models"))["docs"]
        assert [doc["name"] for doc in docs] == ["churn"]
        assert docs[0]["datasets"][0]["name"] == "churn-data"
    before = everything()
    assert bring(furnished.registry).imported == {}
    assert everything() == before


def test_a_tenant_with_an_invalid_id_gets_a_free_one(original: OriginalRegistry) -> None:
    for id in ("our lab!", "our-lab"):
        original.tenant(id).user(f"root of {id}", role="admin")
    assert bring(original).line("tenant 'our lab!'", "now 'our-lab-2'")
    before = everything()
    assert bring(original).imported == {}
    assert everything() == before
    ok(login(ApiClient(), "our-lab-2", "root of our lab!", "root of our lab!-Passw0rd"))


def test_a_tenant_without_an_administrator_gets_one(original: OriginalRegistry) -> None:
    original.tenant("acme").user("admin", role="regular")
    line = bring(original).line("had no administrator")
    ok(login(ApiClient(), "acme", "admin-2", line.rpartition(" ")[2]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--database", "mongodb://me:secret@:bad/x"], "--database is malformed"),
        (["--database", "http://localhost/x"], "--database is malformed"),
        (["--database", "mongodb://localhost/x", "--uploads", "/nowhere"], "not a folder"),
    ],
)
def test_an_unreadable_source_ends_the_command_with_one_line(
    original: OriginalRegistry, words: list[str], message: str
) -> None:
    with pytest.raises(CommandError, match=message) as error:
        run("import_measurify", "--uploads", original.folder, *words)
    assert "secret" not in str(error.value)
