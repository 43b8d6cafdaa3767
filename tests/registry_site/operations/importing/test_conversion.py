"""Values of the original that this registry does not accept are converted or left out, and each is reported."""

from datetime import datetime
from typing import Any

import pytest
from bson import Int64, ObjectId

from catalog.models import Item
from tenants.models import User
from tests.answers import login, ok
from tests.client import ApiClient
from tests.registry_site.operations.importing.original import OriginalRegistry, OriginalTenant, bcrypted
from tests.registry_site.operations.importing.running import Outcome
from tests.registry_site.operations.importing.test_measurify import api_of, bring
from versions.models import Version

TURNED = "report\u202egpj.exe"
NOBODY = ObjectId("6469d1a0c0ffee0000000000")


@pytest.fixture
def acme(original: OriginalRegistry) -> OriginalTenant:
    return original.tenant("acme")


@pytest.fixture
def root(acme: OriginalTenant) -> Any:
    return acme.user("root", role="admin", email="root@example.org")


@pytest.mark.parametrize(
    ("fields", "told", "expected"),
    [
        ({"owner": NOBODY}, f"its owner {NOBODY} does not exist; root owns it now", {"owner": "root"}),
        ({"owner": None}, "its owner (none) does not exist", {"owner": "root"}),
        ({"users": [NOBODY]}, f"removed user {NOBODY}", {"users": []}),
        ({"datasets": [NOBODY]}, f"removed dataset {NOBODY}", {"datasets": []}),
        ({"status": "retired"}, "the status 'retired' is unknown; it is now training", {"status": "training"}),
        ({"visibility": "secret"}, "the visibility 'secret' is unknown; it is now private", {"visibility": "private"}),
        ({"name": "x" * 300}, "is not allowed; it is now", {"name": "x" * 255}),
        ({"tags": ["good", 7, "good", " ", ""]}, "removed the tag '7'", {"tags": ["good"]}),
        ({"tags": ["good", " "]}, "removed the tag ' ': A name is not blank", {"tags": ["good"]}),
        (
            {"tags": ["good", "a/", "a", "../b\nc"]},
            "the tag 'a/' is not allowed; it is now 'a'",
            {"tags": ["good", "a", "b c"]},
        ),
        ({"name": "a\r\nb\x85"}, "is not allowed; it is now 'a  b'", {"name": "a  b"}),
        ({"name": "\u200b\u2028"}, "is not allowed; it is now", {}),
        ({"name": TURNED}, "is not allowed; it is now 'reportgpj.exe'", {"name": "reportgpj.exe"}),
        ({"tags": ["good", TURNED]}, "it is now 'reportgpj.exe'", {"tags": ["good", "reportgpj.exe"]}),
        (
            {"metadata": [{"name": TURNED, "value": "1\n2"}, {"name": "\t", "value": "3"}]},
            "it is now 'reportgpj.exe'; removed the metadata '\\t'",
            {"metadata": [{"name": "reportgpj.exe", "value": "1\n2"}]},
        ),
        (
            {"metadata": [{"name": "m", "value": "1"}, {"name": "m", "value": "2"}, {"name": "M", "value": "3"}]},
            "the metadata 'm' has several values; removed '1'",
            {"metadata": [{"name": "m", "value": "2"}, {"name": "M", "value": "3"}]},
        ),
        (
            {"metadata": [{"name": "m", "value": {"a": [1, "é"]}}]},
            "the metadata 'm' is now the JSON of its value",
            {"metadata": [{"name": "m", "value": '{"a": [1, "é"]}'}]},
        ),
        (
            {"metadata": [{"name": "m", "value": datetime(2023, 1, 2)}]},
            "the metadata 'm' is now the text of a date",
            {"metadata": [{"name": "m", "value": "2023-01-02T00:00:00.000Z"}]},
        ),
        ({"metadata": [{"name": "m"}]}, "removed the metadata 'm'", {"metadata": []}),
        ({"metadata": [{"value": "1"}, "odd"]}, "removed the metadata 'None'", {"metadata": []}),
    ],
)
def test_invalid_parts_of_an_item_are_reported_and_the_rest_is_imported(
    acme: OriginalTenant, root: Any, fields: dict[str, Any], told: str, expected: dict[str, Any]
) -> None:
    id = acme.item("model", "thing", root)
    acme.change("model", id, **fields)
    outcome = bring(acme.registry)
    assert told in outcome.line(f"({id})")
    found = ok(api_of("acme", "root").get(f"models/{id}"))
    found["owner"] = found["owner_username"]
    assert {field: found[field] for field in expected} == expected


def test_numbers_and_booleans_keep_their_type(acme: OriginalTenant, root: Any) -> None:
    values = {"count": Int64(2**40), "rate": 0.5, "flag": True, "text": "1.0"}
    id = acme.item("model", "thing", root, metadata=[{"name": name, "value": value} for name, value in values.items()])
    assert bring(acme.registry).changed == {}
    found = ok(api_of("acme", "root").get(f"models/{id}"))["metadata"]
    assert {pair["name"]: pair["value"] for pair in found} == values
    assert [type(pair["value"]) for pair in found] == [int, float, bool, str]


def test_the_second_of_two_items_with_one_name_and_owner_gets_another_name(acme: OriginalTenant, root: Any) -> None:
    first, second = (acme.item("model", "thing", root) for _ in range(2))
    acme.item("dataset", "thing", root)
    acme.item("model", "Thing", root)
    assert bring(acme.registry).line(f"({second})", "another model of that name")
    names = dict(Item.objects.filter(kind="model").values_list("pk", "name"))
    assert names[str(first)] == "thing"
    assert names[str(second)] == f"thing ({second})"
    assert bring(acme.registry).imported == {}


@pytest.mark.parametrize(
    ("fields", "told", "email"),
    [
        ({"email": "root@example.org"}, "removed the e-mail address 'root@example.org', which another user", None),
        ({"email": "no address"}, "removed the e-mail address 'no address'", None),
        ({"role": "emperor"}, "the role 'emperor' is unknown; it is now regular", "eve@example.org"),
    ],
)
def test_invalid_fields_of_a_user_are_reported_and_the_user_is_imported(
    acme: OriginalTenant, root: Any, fields: dict[str, str], told: str, email: str | None
) -> None:
    acme.user("eve", **fields)
    assert told in bring(acme.registry).line("user 'eve'")
    eve = User.objects.get(username="eve")
    assert (eve.email, eve.role) == (email, "regular")


def test_users_without_an_address_are_imported(acme: OriginalTenant, root: Any) -> None:
    for username in ("eve", "Eve"):
        acme.user(username, email=None)
    assert bring(acme.registry).changed == {}
    assert User.objects.filter(username__in=["eve", "Eve"], email=None).count() == 2


def test_items_of_a_user_who_cannot_be_imported_go_to_the_administrator(acme: OriginalTenant, root: Any) -> None:
    nameless = acme.user("")
    id = acme.item("dataset", "thing", nameless)
    outcome = bring(acme.registry)
    assert outcome.line("left out", f"({nameless})")
    assert ok(api_of("acme", "root").get(f"datasets/{id}"))["owner_username"] == "root"


def test_invalid_words_are_corrected_and_missing_owners_are_reported(acme: OriginalTenant, root: Any) -> None:
    acme.word("tags", "ends/", root)
    acme.word("tags", TURNED, root)
    acme.word("tags", "  ", root)
    acme.word("tags", "lost", NOBODY)
    acme.word("metadata", "odd", None, usage="strange")
    outcome = bring(acme.registry)
    assert outcome.line("changed", "tag 'ends/'", "it is now 'ends'")
    assert outcome.line("changed", "tag 'report", "it is now 'reportgpj.exe'")
    assert outcome.line("left out", "tag '  '", "not blank")
    assert outcome.line("tag 'lost'", str(NOBODY))
    assert outcome.imported["metadata name"] == 1
    assert ok(api_of("acme", "root").get("metadata/odd"))["usage"] == "folk"


def test_a_user_with_an_invalid_name_gets_a_free_one_and_keeps_their_items(acme: OriginalTenant, root: Any) -> None:
    disguised = acme.user("root\n", email="eve@example.org", password=bcrypted("Ev3-Passw0rd"))
    id = acme.item("model", "thing", disguised)
    assert bring(acme.registry).line("changed", f"({disguised})", "it is now 'root (53175bcc)'")
    owner = ok(api_of("acme", "root").get(f"models/{id}"))["owner"]
    assert owner == str(disguised)
    ok(login(ApiClient(), "acme", "root (53175bcc)", "Ev3-Passw0rd"))
    assert bring(acme.registry).imported == {}


def test_a_corrected_username_is_not_that_of_a_later_user(acme: OriginalTenant, root: Any) -> None:
    disguised, ada = acme.user("ada\n", email="eve@example.org"), acme.user("ada")
    id = acme.item("model", "thing", ada)
    bring(acme.registry)
    assert ok(api_of("acme", "root").get(f"models/{id}"))["owner"] == str(ada)
    assert User.objects.get(pk=str(disguised)).username.startswith("ada (")


def _versions(acme: OriginalTenant, root: Any, *versions: dict[str, Any]) -> tuple[Outcome, dict[str, Version]]:
    acme.item("model", "thing", root, versions=list(versions))
    outcome = bring(acme.registry)
    return outcome, {version.ordinal: version for version in Version.objects.all()}


def test_the_second_of_two_versions_with_one_ordinal_gets_a_free_one(acme: OriginalTenant, root: Any) -> None:
    one, two, three = (acme.registry.version(ordinal, "m.bin", bytes(3)) for ordinal in ("7", "7", "a/b"))
    outcome, found = _versions(acme, root, one, two, three)
    assert set(found) == {"7", "8", "a-b"}
    assert outcome.line("version 8", "the ordinal '7' is not allowed or taken")
    assert outcome.line("version a-b", "'a/b'")
    assert bring(acme.registry).existing["version"] == 3


def test_versions_without_an_ordinal_are_counted(acme: OriginalTenant, root: Any) -> None:
    old = [acme.registry.version("", f"{name}.bin", name.encode()) for name in ("a", "b")]
    for version in old:
        del version["ordinal"]
    _, found = _versions(acme, root, *old)
    assert {ordinal: version.original for ordinal, version in found.items()} == {"1": "a.bin", "2": "b.bin"}


@pytest.mark.parametrize("key", ["0123456789abcdef0123456789abcdef", "", "..", "../secret", "/etc/hostname", "a\x00b"])
def test_a_version_whose_file_is_not_in_the_uploads_is_left_out(acme: OriginalTenant, root: Any, key: str) -> None:
    (acme.registry.folder.parent / "secret").write_bytes(b"not an upload")
    version = acme.registry.version(1, "m.bin", b"") | {"key": key}
    outcome, found = _versions(acme, root, version, acme.registry.version(2, "n.bin", b"here"))
    assert outcome.line("left out", "version 1 (m.bin)")
    assert set(found) == {"2"}


@pytest.mark.parametrize(
    ("fields", "told", "expected"),
    [
        ({"size": 1000}, "it has 4 bytes, but its record says 1000", {"size": 4}),
        ({"original": "a//../b\n.bin"}, "its name", {"original": "a/b_.bin"}),
        ({"original": "é" * 200}, "its name", {"original": "é" * 127}),
        ({"original": TURNED}, "its name", {"original": "reportgpj.exe"}),
        ({"ordinal": "\u2066"}, "the ordinal '\\u2066' is not allowed", {"ordinal": "1"}),
        ({"ordinal": ".."}, "the ordinal '..' is not allowed", {"ordinal": "1"}),
        ({"ordinal": " "}, "the ordinal ' ' is not allowed", {"ordinal": "1"}),
        ({"original": " / \u2028"}, "its name", {"original": "_"}),
        ({"original": ""}, "its name '' is not allowed; it is now 'unnamed'", {"original": "unnamed"}),
    ],
)
def test_invalid_fields_of_a_version_are_reported_and_the_version_is_imported(
    acme: OriginalTenant, root: Any, fields: dict[str, Any], told: str, expected: dict[str, Any]
) -> None:
    outcome, found = _versions(acme, root, acme.registry.version(1, "m.bin", b"abcd") | fields)
    assert told in outcome.line("changed", "version 1")
    assert {field: getattr(found["1"], field) for field in expected} == expected


def test_invalid_media_types_become_the_default_one(acme: OriginalTenant, root: Any) -> None:
    version = acme.registry.version(1, "m.bin", b"abcd", mimetype="mimetype", encoding="encoding")
    _, found = _versions(acme, root, version)
    assert found["1"].mimetype == "application/octet-stream"


def test_a_file_above_the_limit_is_left_out(acme: OriginalTenant, root: Any, settings: Any) -> None:
    settings.MAX_UPLOAD_SIZE = 3
    outcome, found = _versions(acme, root, acme.registry.version(1, "m.bin", b"abcd"))
    assert outcome.line("left out", "version 1", "at most 3 bytes")
    assert found == {}
