"""An upgrade corrects stored names from before the rules for names, and changes nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from catalog.models import Item
from catalog.renaming import _new_words, _rename_in, _unfit_words
from folksonomy.models import MetadataName, Tag
from tenants.identity.authentication import issue_token
from tenants.models import Tenant, User
from tenants.rows.fields import words_of
from tenants.rows.texts import unfit_file_name, unfit_name, unfit_ordinal, unfit_title
from tests.answers import ok
from tests.client import ApiClient
from tests.registry_site.operations.importing.running import everything
from versions.models import Version

BEFORE = [
    ("tenants", "0004_places_of_attempts"),
    ("folksonomy", "0002_engine_indexes"),
    ("versions", "0002_hold"),
    ("catalog", "0004_words"),
]
TAGS = ["a\nb", "a b", "a\tb", "  ", "fine", "x/", "x", ".."]
METADATA = {"m\r": 1, "m": "two\nlines", "\u2028": True, "fine": 0.5}


@pytest.fixture
def before(transactional_db: None) -> Iterator[Any]:
    """The models of a database from before the rules for names; it is migrated again afterwards."""
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    yield executor.loader.project_state(BEFORE).apps
    call_command("migrate", verbosity=0)


@pytest.fixture
def filled(before: Any) -> Any:
    def make(app: str, model: str, **fields: Any) -> Any:
        return before.get_model(app, model).objects.create(**fields)

    tenant = make("tenants", "Tenant", id="acme", email="a@acme.example", organization="Ac\nme", address="two\nlines")
    rival = make("tenants", "Tenant", id="rival", email="a@rival.example")
    make("tenants", "Gate", tenant=tenant, number=1)
    root = make("tenants", "User", tenant=tenant, username="root", role="admin", password="x")
    for username in ("root\n", "ro\u2029ot", "\u200b", "eve/"):
        make("tenants", "User", tenant=tenant, username=username, password="x")
    other = make("tenants", "User", tenant=rival, username="root\n", password="x")
    for tag in TAGS:
        make("folksonomy", "Tag", tenant=tenant, name=tag, usage="default", owner=root)
    make("folksonomy", "Tag", tenant=rival, name="a\nb", usage="folk", owner=other)
    for name in METADATA:
        make("folksonomy", "MetadataName", tenant=tenant, name=name, usage="folk", owner=root)
    common = {"tenant": tenant, "owner": root, "visibility": "private", "users": [], "readers": [root.pk]}
    pairs = [{"name": name, "value": value} for name, value in METADATA.items()]
    lists: dict[str, Any] = {"tags": TAGS, "metadata": pairs, "datasets": []}
    item = make("catalog", "Item", kind="model", name="m\x85", **common, **lists)
    for name in ("m", "\t", "fine"):
        make("catalog", "Item", kind="model", name=name, **common, tags=["fine"], metadata=[], datasets=[])
    version = {
        "tenant": tenant,
        "subject": item.pk,
        "mimetype": "a/b",
        "encoding": "7bit",
        "size": 0,
        "sha256": "0" * 64,
    }
    for ordinal in ("..", "a b", "a-b", '{"$ne": 1}', "7"):
        number = 7 if ordinal == "7" else None
        make("versions", "Version", ordinal=ordinal, number=number, original="f\u2028.bin", **version)
    return item


def _breaking() -> list[str]:
    """Return all stored names that break the rules."""
    words = [*Tag.objects.values_list("name", flat=True), *MetadataName.objects.values_list("name", flat=True)]
    words += User.objects.values_list("username", flat=True)
    for item in Item.objects.all():
        words += [*item.tags, *(pair["name"] for pair in item.metadata)]
    faults = [word for word in words if unfit_name(word)]
    faults += [name for name in Item.objects.values_list("name", flat=True) if unfit_title(name)]
    faults += [ordinal for ordinal in Version.objects.values_list("ordinal", flat=True) if unfit_ordinal(ordinal)]
    return faults + [name for name in Version.objects.values_list("original", flat=True) if unfit_file_name(name)]


def _check_found(filled: Any) -> None:
    """The API finds renamed resources."""
    api = ApiClient(issue_token(User.objects.of("acme").get(username="root")))
    item = ok(api.get(f"models/{filled.pk}"))
    for tag in item["tags"]:
        assert filled.pk in [doc["_id"] for doc in ok(api.get("models", query={"filter": {"tags": tag}}))["docs"]]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT word FROM {words_of('catalog_item')} WHERE holder = %s", [filled.pk])
            assert {word for (word,) in cursor.fetchall()} == set(item["tags"])


@pytest.mark.promise("names.stored")
def test_an_upgrade_corrects_all_names_and_loses_nothing(filled: Any, caplog: pytest.LogCaptureFixture) -> None:
    call_command("migrate", verbosity=0)
    assert _breaking() == []
    item = Item.objects.get(pk=filled.pk)
    assert len(set(item.tags)) == len(TAGS), "clashing words stay two words"
    assert [tag for tag in item.tags if tag in TAGS] == ["a b", "fine", "x"]
    assert item.tags[0].startswith("a b ("), "a word gets a part of a hash where another one has its name"
    assert [pair["value"] for pair in item.metadata] == list(METADATA.values())
    assert {pair["name"] for pair in item.metadata} == set(MetadataName.objects.values_list("name", flat=True))
    assert set(item.tags) == set(Tag.objects.of("acme").values_list("name", flat=True))
    assert Tag.objects.of("rival").get().name == "a b", "another tenant's word is no clash"
    assert {item.name for item in Item.objects.all()} >= {"m", "fine"}
    assert len(set(Item.objects.values_list("name", flat=True))) == 4
    assert set(Version.objects.values_list("ordinal", flat=True)) >= {"a-b", "ne-1", "7"}
    assert set(Version.objects.values_list("original", flat=True)) == {"f_.bin"}
    assert User.objects.of("rival").get().username == "root"
    assert User.objects.of("acme").count() == 5
    acme = Tenant.objects.get(pk="acme")
    assert (acme.organization, acme.address) == ("Ac me", "two\nlines")
    assert "renamed: name of tag" in caplog.text
    assert "'a\\nb' is 'a b (" in caplog.text
    _check_found(filled)


@pytest.mark.promise("names.stored")
def test_the_next_upgrade_finishes_an_interrupted_one(filled: Any) -> None:
    """On MongoDB no transaction rolls back changes before a kill: here, all except the folksonomy's own rows."""
    items, past = type(filled), type(filled)._meta.apps
    terms = {"tags": past.get_model("folksonomy", "Tag"), "metadata": past.get_model("folksonomy", "MetadataName")}
    unfit, _ = _unfit_words(items, terms)
    _rename_in(filled, {column: _new_words(terms[column], words) for column, words in unfit.items()})
    call_command("migrate", verbosity=0)
    item = Item.objects.get(pk=filled.pk)
    assert set(item.tags) == set(Tag.objects.of("acme").values_list("name", flat=True))
    assert {pair["name"] for pair in item.metadata} == set(MetadataName.objects.values_list("name", flat=True))
    once = everything()
    MigrationExecutor(connection).migrate([("catalog", "0004_words"), ("versions", "0002_hold")])
    call_command("migrate", verbosity=0)
    assert everything() == once, "names that follow the rules are left alone"
