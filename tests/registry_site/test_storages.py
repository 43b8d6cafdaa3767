"""STORAGE: files in a folder or objects in a store, one variable."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from registry_site.environment import ROOT
from registry_site.storages import parse
from registry_site.variables import Environment


def variables(**given: Any) -> Environment:
    return Environment.model_construct(**given)


def test_without_storage_bytes_lie_in_files() -> None:
    entry = parse(variables())
    assert entry == {"BACKEND": "versions.storage.ContentStorage", "OPTIONS": {"location": ROOT / "uploads"}}
    assert parse(variables(DOWNLOADS="accel")) == entry


def test_an_object_store_is_named_by_a_url_and_its_options() -> None:
    url = "s3://models/registry/one?endpoint_url=https%3A%2F%2Fs3.example&region=eu-1&addressing=path"
    keys = {"STORAGE_ACCESS_KEY": "me", "STORAGE_SECRET_KEY": "mine"}
    entry = parse(variables(STORAGE=f"{url}&part_size=64&timeout=5", DOWNLOADS="redirect", **keys))
    assert entry["BACKEND"] == "versions.object_storage.ObjectStorage"
    assert entry["OPTIONS"] == {
        "bucket": "models",
        "prefix": "registry/one",
        "endpoint_url": "https://s3.example",
        "region": "eu-1",
        "addressing": "path",
        "part_size": 64 * 1024 * 1024,
        "timeout": 5,
        "access_key": "me",
        "secret_key": "mine",
    }
    assert parse(variables(STORAGE="s3://models"))["OPTIONS"] == {"bucket": "models", "prefix": ""}


KEYS = {"STORAGE_ACCESS_KEY": "me1", "STORAGE_SECRET_KEY": "bWluZQ=="}


def test_googles_store_is_one_that_speaks_s3_but_copies_no_pieces() -> None:
    entry = parse(variables(STORAGE="gs://models.example/one?part_size=8", **KEYS))
    assert entry["BACKEND"] == "versions.object_storage.ObjectStorage"
    assert entry["OPTIONS"] == {
        "bucket": "models.example",
        "prefix": "one",
        "endpoint_url": "https://storage.googleapis.com",
        "region": "auto",
        "addressing": "path",
        "copies_pieces": False,
        "part_size": 8 * 1024 * 1024,
        "access_key": "me1",
        "secret_key": "bWluZQ==",
    }


def test_azures_store_is_named_by_its_container_and_its_account_by_the_key() -> None:
    entry = parse(variables(STORAGE="azure://models/one?timeout=5", DOWNLOADS="redirect", **KEYS))
    assert entry["BACKEND"] == "versions.azure_storage.AzureStorage"
    keys = {"access_key": "me1", "secret_key": "bWluZQ=="}
    assert entry["OPTIONS"] == {"container": "models", "prefix": "one", "timeout": 5} | keys
    storage = import_string(entry["BACKEND"])(**entry["OPTIONS"])
    link = storage.link("key", mimetype="text/csv", disposition="attachment")
    assert link.startswith("https://me1.blob.core.windows.net/models/one/key?")


@pytest.mark.parametrize("url", ["gs://models", "azure://models"])
@pytest.mark.parametrize("missing", list(KEYS))
def test_stores_whose_keys_nobody_else_knows_are_not_opened_without_them(url: str, missing: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{missing}: .* needs one$"):
        parse(variables(STORAGE=url, **KEYS | {missing: ""}))


@pytest.mark.parametrize(
    ("variable", "value"),
    [("STORAGE_ACCESS_KEY", "Hidden"), ("STORAGE_ACCESS_KEY", "hidden.example/")]
    + [("STORAGE_SECRET_KEY", "hidden"), ("STORAGE_SECRET_KEY", "hiddenhidden="), ("STORAGE_SECRET_KEY", "hidden=é")],
)
def test_keys_that_azure_cannot_have_made_are_refused_without_being_told(variable: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{variable}: .* needs one of another form$") as caught:
        parse(variables(STORAGE="azure://models", **KEYS | {variable: value}))
    assert "hidden" not in str(caught.value).lower()


@pytest.mark.parametrize("module", ["azure", "boto3", "versions.objects"])
def test_what_other_stores_need_is_not_loaded_where_bytes_lie_in_files(module: str) -> None:
    code = f"import django; django.setup(); import registry_site.urls, sys; print({module!r} in sys.modules)"
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "registry_site.settings"}
    told = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"


@pytest.mark.parametrize(
    "url",
    ["models", "file:///models", "s3://", "s3:///prefix", "s3://me:hidden@models", "s3://models?nothing=hidden"]
    + ["s3://models?part_size=4", "s3://models?part_size=x", "s3://models?timeout=0", "s3://models?endpoint_url=hidden"]
    + ["s3://models?addressing=dns", "s3://models?x"]
    + ["gs://", "gs://models?nothing=hidden", "azure://", "azure://models?region=hidden", "azure://me:hidden@models"],
)
def test_what_is_none_is_refused_in_one_line_without_secrets(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^STORAGE is malformed: s3://bucket") as caught:
        parse(variables(STORAGE=url))
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("storage", "downloads"), [("", "redirect"), ("s3://models", "accel")])
def test_downloads_are_sent_by_somebody_who_has_the_bytes(storage: str, downloads: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^DOWNLOADS: {downloads} needs "):
        parse(variables(STORAGE=storage, DOWNLOADS=downloads))
