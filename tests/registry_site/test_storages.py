"""STORAGE: files in a folder or objects in a bucket, one variable."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

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


@pytest.mark.parametrize(
    "url",
    ["models", "file:///models", "s3://", "s3:///prefix", "s3://me:hidden@models", "s3://models?nothing=hidden"]
    + ["s3://models?part_size=4", "s3://models?part_size=x", "s3://models?timeout=0", "s3://models?endpoint_url=hidden"]
    + ["s3://models?addressing=dns", "s3://models?x"],
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
