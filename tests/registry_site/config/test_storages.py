"""The variable STORAGE selects files in a folder or an object store."""

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from azure.identity import DefaultAzureCredential
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from registry_site.config.environment import ROOT
from registry_site.config.storages import parse
from registry_site.config.variables import Environment


def variables(**given: Any) -> Environment:
    return Environment.model_construct(**given)


def test_without_storage_bytes_are_files_in_a_folder() -> None:
    entry = parse(variables())
    assert entry == {"BACKEND": "versions.storage.ContentStorage", "OPTIONS": {"location": ROOT / "uploads"}}
    assert parse(variables(DOWNLOADS="accel")) == entry


def test_a_url_names_an_object_store_and_its_options() -> None:
    url = "s3://models/registry/one?endpoint_url=https%3A%2F%2Fs3.example&region=eu-1&addressing=path"
    keys = {"STORAGE_ACCESS_KEY": "me", "STORAGE_SECRET_KEY": "mine"}
    entry = parse(variables(STORAGE=f"{url}&part_size=64&timeout=5", DOWNLOADS="redirect", **keys))
    assert entry["BACKEND"] == "versions.object_storage.ObjectStorage"
    assert entry["OPTIONS"] == {
        "bucket_name": "models",
        "location": "registry/one",
        "endpoint_url": "https://s3.example",
        "region_name": "eu-1",
        "addressing_style": "path",
        "part_size": 64 * 1024 * 1024,
        "timeout": 5,
        "access_key": "me",
        "secret_key": "mine",
    }
    plain = {"bucket_name": "models", "location": "", "region_name": "us-east-1"}
    assert parse(variables(STORAGE="s3://models"))["OPTIONS"] == plain
    profile = parse(variables(STORAGE="s3://models?profile=registry"))["OPTIONS"]
    assert profile == plain | {"session_profile": "registry"}


KEYS = {"STORAGE_ACCESS_KEY": "me1", "STORAGE_SECRET_KEY": "bWluZQ=="}


def test_google_with_an_hmac_key_uses_s3_without_multipart_copies() -> None:
    entry = parse(variables(STORAGE="gs://models.example/one?part_size=8", **KEYS))
    assert entry["BACKEND"] == "versions.object_storage.ObjectStorage"
    assert entry["OPTIONS"] == {
        "bucket_name": "models.example",
        "location": "one",
        "endpoint_url": "https://storage.googleapis.com",
        "region_name": "auto",
        "addressing_style": "path",
        "copies_pieces": False,
        "part_size": 8 * 1024 * 1024,
        "access_key": "me1",
        "secret_key": "bWluZQ==",
    }


def test_google_with_a_service_account_uses_its_own_protocol(tmp_path: Path) -> None:
    entry = parse(variables(STORAGE="gs://models/one"))
    assert entry["BACKEND"] == "versions.google_storage.GoogleStorage"
    assert entry["OPTIONS"] == {"bucket_name": "models", "location": "one"}
    file = tmp_path / "account.json"
    file.write_text("{}")
    url = f"gs://models?credentials_file={file}&custom_domain=cdn.example&service_account=a@b.example&project=p"
    assert parse(variables(STORAGE=url, DOWNLOADS="redirect"))["OPTIONS"] == {
        "bucket_name": "models",
        "location": "",
        "credentials_file": str(file),
        "custom_endpoint": "https://cdn.example",
        "sa_email": "a@b.example",
        "iam_sign_blob": True,
        "project_id": "p",
    }


def test_azure_is_named_by_container_and_the_key_names_its_account() -> None:
    entry = parse(variables(STORAGE="azure://models/one?timeout=5", DOWNLOADS="redirect", **KEYS))
    assert entry["BACKEND"] == "versions.azure_storage.AzureStorage"
    keys = {"account_name": "me1", "account_key": "bWluZQ=="}
    assert entry["OPTIONS"] == {"azure_container": "models", "location": "one", "timeout": 5} | keys
    storage = import_string(entry["BACKEND"])(**entry["OPTIONS"])
    link = storage.link("key", mimetype="text/csv", disposition="attachment")
    assert link.startswith("https://me1.blob.core.windows.net/models/one/key?")


def opened(entry: dict[str, Any]) -> Any:
    return import_string(entry["BACKEND"])(**entry["OPTIONS"])


def test_azure_accepts_a_key_a_sas_token_or_a_managed_identity() -> None:
    account = {"STORAGE_ACCESS_KEY": "me1"}
    token = "sv=2024-01-01&sp=rwdl&sig=c2ln%3D"
    with_token = opened(parse(variables(STORAGE="azure://models", **account, STORAGE_SECRET_KEY=f"?{token}")))
    assert with_token._readable("+incoming/one").endswith(token)
    assert with_token.token_credential is None
    identity = opened(parse(variables(STORAGE="azure://models?client_id=mine", **account)))
    assert isinstance(identity.token_credential, DefaultAzureCredential)
    assert identity.client_id == "mine"


def test_names_that_a_providers_library_normalizes_stay_distinct(tmp_path: Path) -> None:
    """If a library normalized names, deleting one tenant's bytes could delete another's."""
    for scheme in ("s3", "azure"):
        storage = opened(parse(variables(STORAGE=f"{scheme}://models", **KEYS)))
        links = {storage.link(f"{tenant}/aa/key", mimetype="", disposition="") for tenant in ("a", ".a", "a.", "..a")}
        assert len({link.partition("?")[0] for link in links}) == 4
    azure: Any = opened(parse(variables(STORAGE="azure://models", **KEYS)))
    assert azure._get_valid_path(".a/aa/key") == ".a/aa/key"


def test_links_through_cloudfront_are_signed_and_expire(tmp_path: Path) -> None:
    key = generate_private_key(65537, 2048)
    pem = tmp_path / "cdn.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    url = f"s3://models/one?custom_domain=cdn.example&cloudfront_key_id=K1&cloudfront_key_file={pem}"
    storage = opened(parse(variables(STORAGE=url, DOWNLOADS="redirect", **KEYS)))
    link = urlsplit(storage.link("acme/aa/key", mimetype="text/csv", disposition="attachment"))
    query = dict(parse_qsl(link.query))
    assert (link.scheme, link.netloc, link.path) == ("https", "cdn.example", "/one/acme/aa/key")
    assert (query["response-content-type"], query["Key-Pair-Id"]) == ("text/csv", "K1")
    assert 0 < int(query["Expires"]) - time.time() <= 300
    asked = storage.link("acme/aa/key", mimetype="text/csv", disposition="attachment").partition("&Expires=")[0]
    policy = {
        "Statement": [{"Resource": asked, "Condition": {"DateLessThan": {"AWS:EpochTime": int(query["Expires"])}}}]
    }
    signature = base64.b64decode(query["Signature"].translate(str.maketrans("-_~", "+=/")))
    key.public_key().verify(signature, json.dumps(policy, separators=(",", ":")).encode(), PKCS1v15(), SHA1())


@pytest.mark.parametrize(
    ("url", "keys", "reason"),
    [
        ("s3://models?custom_domain=cdn.example", KEYS, "custom_domain needs cloudfront_key_id"),
        ("azure://models", KEYS | {"STORAGE_SECRET_KEY": "sv=2024-01-01&sig=c2ln"}, "a SAS token cannot sign links"),
    ],
)
def test_a_store_that_cannot_sign_expiring_links_cannot_redirect(url: str, keys: Any, reason: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^DOWNLOADS: redirect needs signed links; {reason}"):
        parse(variables(STORAGE=url, DOWNLOADS="redirect", **keys))
    assert parse(variables(STORAGE=url, **keys))


@pytest.mark.parametrize(
    ("url", "missing"),
    [("gs://models", variable) for variable in KEYS] + [("azure://models", "STORAGE_ACCESS_KEY")],
)
def test_incomplete_credentials_are_refused(url: str, missing: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{missing}: .* needs one$"):
        parse(variables(STORAGE=url, **KEYS | {missing: ""}))


@pytest.mark.parametrize(
    ("variable", "value"),
    [("STORAGE_ACCESS_KEY", "Hidden"), ("STORAGE_ACCESS_KEY", "hidden.example/")]
    + [("STORAGE_SECRET_KEY", "hidden"), ("STORAGE_SECRET_KEY", "hiddenhidden="), ("STORAGE_SECRET_KEY", "hidden=é")],
)
def test_malformed_azure_keys_are_refused_by_an_error_that_does_not_contain_them(variable: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{variable}: .* needs one of another form$") as caught:
        parse(variables(STORAGE="azure://models", **KEYS | {variable: value}))
    assert "hidden" not in str(caught.value).lower()


def test_libraries_of_object_stores_are_not_loaded_for_the_file_store() -> None:
    libraries = {"azure", "boto3", "google.cloud", "storages", "versions.objects"}
    code = f"import django; django.setup(); import registry_site.urls, sys; print({libraries!r} & sys.modules.keys())"
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "registry_site.settings"}
    told = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"


@pytest.mark.parametrize(
    "url",
    ["models", "file:///models", "s3://", "s3:///prefix", "s3://me:hidden@models", "s3://models?nothing=hidden"]
    + ["s3://models?part_size=4", "s3://models?part_size=x", "s3://models?timeout=0", "s3://models?endpoint_url=hidden"]
    + ["s3://models?addressing=dns", "s3://models?x"]
    + ["s3://models?custom_domain=hidden/", "s3://models?profile=", "s3://models?cloudfront_key_file=/hidden"]
    + ["gs://models?credentials_file=/hidden", "azure://models?credentials_file=hidden"]
    + ["gs://", "gs://models?nothing=hidden", "azure://", "azure://models?region=hidden", "azure://me:hidden@models"],
)
def test_an_invalid_url_of_a_store_is_refused_in_one_line_without_secrets(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^STORAGE is malformed: s3://bucket") as caught:
        parse(variables(STORAGE=url))
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("storage", "downloads"), [("", "redirect"), ("s3://models", "accel")])
def test_downloads_are_sent_by_a_server_that_has_the_bytes(storage: str, downloads: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^DOWNLOADS: {downloads} needs "):
        parse(variables(STORAGE=storage, DOWNLOADS=downloads))
