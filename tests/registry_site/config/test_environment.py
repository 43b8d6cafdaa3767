"""Variables: read from the file and the environment, trimmed, typed, and never printed."""

import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from registry_site.config import environment
from registry_site.config.environment import REQUIRED, SECRETS, TEMPLATE, VariableError, load
from registry_site.config.values import lifetime
from registry_site.config.variables import Environment
from registry_site.management.commands.variables import BEGIN, END, SECTIONS, tables

ROOT = Path(environment.ROOT)
NEEDED = "API_TOKEN=secret-token\nJWT_SECRET=secret-key\n"
ORIGINAL = """VERSION=v1
PROTOCOL=https
HTTP_PORT=80
HTTPS_PORT=443
HTTPSSECRET=passphrase
API_TOKEN=token-of-the-file
JWT_SECRET=secret-of-the-file
JWT_EXPIRATIONTIME=300000m
DATABASE=mongodb://localhost:27017/registry-catalog
LOG=true
UPLOAD_PATH=./uploads
DEFAULT_TENANT=registry-default-tenant
DEFAULT_TENANT_DATABASE=registry-default
DEFAULT_TENANT_ADMIN_USERNAME=admin 
DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD=admin 
DEFAULT_TENANT_PASSWORDHASH=true 
"""  # noqa: W291 - the original has these trailing spaces


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of variables, with no variable in the environment."""
    for name in Environment.model_fields:
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "variables.env"
    monkeypatch.setenv("VARIABLES_FILE", str(path))
    return path


def test_the_originals_file_is_read_with_its_stray_spaces(file: Path) -> None:
    file.write_text(ORIGINAL)
    variables = load()
    assert (variables.PROTOCOL, variables.HTTP_PORT, variables.HTTPS_PORT) == ("https", 80, 443)
    assert variables.DEFAULT_TENANT_ADMIN_USERNAME == "admin"
    assert variables.DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD == "admin"
    assert variables.DEFAULT_TENANT_PASSWORDHASH is True
    assert lifetime(variables.JWT_EXPIRATIONTIME) == timedelta(minutes=300_000)
    assert variables.DATABASE == "mongodb://localhost:27017/registry-catalog"


def test_the_environment_overrides_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(NEEDED + "HTTP_PORT=1000\nLOG=true\n")
    monkeypatch.setenv("HTTP_PORT", " 2000 ")
    monkeypatch.setenv("LOG", " false\t")
    assert (load().HTTP_PORT, load().LOG) == (2000, False)


def test_a_blank_value_counts_as_absent(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(NEEDED + "HTTP_PORT=\nSMTP_SERVER=  \nEMAIL_TAG=[Registry]\n")
    monkeypatch.setenv("MIN_PASSWORD_STRENGTH", "  ")
    monkeypatch.setenv("API_TOKEN", "")
    variables = load()
    assert (variables.HTTP_PORT, variables.SMTP_SERVER, variables.MIN_PASSWORD_STRENGTH) == (8084, "", 1)
    assert (variables.EMAIL_TAG, variables.API_TOKEN) == ("[Registry]", "secret-token")


def test_unknown_variables_are_ignored(file: Path) -> None:
    file.write_text(NEEDED + "CSV_DELIMITER=,\nCSV_VECTOR_DELIMITER=;\n")
    load()


def test_defaults_serve_http_on_localhost_only(file: Path) -> None:
    file.write_text(NEEDED)
    variables = load()
    assert (variables.PROTOCOL, variables.HOST, variables.HTTP_PORT) == ("http", "127.0.0.1", 8084)
    assert variables.public_url == "http://127.0.0.1:8084"


@pytest.mark.parametrize(
    ("lines", "url"),
    [
        ("HOST=0.0.0.0", "http://localhost:8084"),
        ("HOST=::1\nHTTP_PORT=80", "http://[::1]:80"),
        ("PROTOCOL=https\nHTTPS_PORT=443", "https://127.0.0.1:443"),
        ("PUBLIC_URL=https://models.example/", "https://models.example"),
    ],
)
def test_links_use_the_address_of_the_registry(file: Path, lines: str, url: str) -> None:
    file.write_text(NEEDED + lines)
    assert load().public_url == url


@pytest.mark.parametrize(
    ("text", "duration"),
    [("45s", timedelta(seconds=45)), ("30m", timedelta(minutes=30)), ("12h", timedelta(hours=12))]
    + [("7d", timedelta(days=7)), ("2w", timedelta(weeks=2)), ("300000m", timedelta(minutes=300_000))],
)
def test_durations(text: str, duration: timedelta) -> None:
    assert lifetime(text) == duration


@pytest.mark.parametrize("text", ["", "30", "m", "-5m", "1.5h", "30 m", "30M", "٣0m", "9999999999m", "30m\n"])
def test_an_invalid_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        lifetime(text)


@pytest.mark.parametrize(
    "line",
    [
        "HTTP_PORT=0",
        "HTTP_PORT=70000",
        "HTTP_PORT=x",
        "LOG=perhaps",
        "PROTOCOL=ftp",
        "JWT_EXPIRATIONTIME=soon",
        "WORKERS=0",
    ]
    + ["VERSION=v1/x", "DEFAULT_TENANT=a/b", "PUBLIC_URL=example.com", "MAX_UPLOAD_SIZE=-1", "MIN_PASSWORD_STRENGTH=9"],
)
def test_a_malformed_value_is_reported_in_one_line_that_does_not_contain_it(file: Path, line: str) -> None:
    name, _, value = line.partition("=")
    file.write_text(f"{NEEDED}{name}={value}\nDEFAULT_TENANT_EMAIL=hidden-value\n")
    with pytest.raises(VariableError) as caught:
        load()
    message = str(caught.value)
    assert name in message
    assert "\n" not in message
    assert not any(secret in message for secret in ("secret-token", "secret-key", "hidden-value"))


def test_missing_secrets_are_named(file: Path) -> None:
    file.write_text("API_TOKEN=\n")
    with pytest.raises(VariableError, match=r"^Missing in .*: API_TOKEN, JWT_SECRET$"):
        load()


def test_an_unreadable_file_is_reported_in_one_line(file: Path) -> None:
    file.write_bytes(b"API_TOKEN=\xff\xfe\n")
    with pytest.raises(VariableError, match="Cannot read"):
        load()


def test_the_session_key_changes_with_the_secret_of_tokens(file: Path) -> None:
    file.write_text(NEEDED)
    first = load().secret_key
    file.write_text(NEEDED + "SECRET_KEY=mine\n")
    assert load().secret_key == "mine"
    file.write_text(NEEDED.replace("secret-key", "other"))
    assert load().secret_key not in (first, "other")


def test_missing_secrets_are_generated_once(file: Path) -> None:
    assert environment.prepare() == file
    text = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert environment.prepare() is None
    assert file.read_text() == text
    variables = load()
    secrets = {getattr(variables, name) for name in SECRETS}
    assert len(secrets) == len(SECRETS)
    assert min(map(len, secrets)) >= 40


def test_an_operators_own_file_is_never_changed(file: Path) -> None:
    file.write_text(NEEDED)
    assert environment.prepare() is None
    assert file.read_text() == NEEDED


def test_secrets_in_the_environment_need_no_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REQUIRED:
        monkeypatch.setenv(name, "given")
    assert environment.prepare() is None
    assert not file.exists()


def test_processes_that_start_concurrently_agree_on_the_secrets(file: Path) -> None:
    code = "from registry_site.config import environment; environment.prepare(); print(environment.load().API_TOKEN)"
    env = {"PATH": os.environ["PATH"], "VARIABLES_FILE": str(file)}

    def start(_: int) -> str:
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(start, range(4)))) == 1
    assert list(file.parent.iterdir()) == [file]


def test_the_template_has_only_known_variables_at_their_defaults() -> None:
    lines = [line for line in TEMPLATE.read_text().splitlines() if line and not line.startswith("#")]
    for name, _, value in (line.partition("=") for line in lines):
        default = Environment.model_fields[name].default
        assert value.removeprefix("./") == (
            "" if name in SECRETS else str(default).lower() if isinstance(default, bool) else str(default)
        )


def test_every_variable_is_described() -> None:
    for name, field in Environment.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_the_configuration_page_holds_the_tables_of_all_variables() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert text.split(BEGIN)[1].split(END)[0].strip() == tables(), "`make docs` writes it"


def test_each_variable_is_in_one_table_and_the_essential_ones_come_first() -> None:
    names = re.findall(r"(?m)^\| `(\w+)` \|", tables())
    assert sorted(names) == sorted(Environment.model_fields)
    assert names[: len(SECTIONS["Essential"])] == list(SECTIONS["Essential"])
    for needed in REQUIRED:
        assert needed in SECTIONS["Essential"]


def test_home_is_the_named_folder_the_checkout_or_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REGISTRY_HOME", raising=False)
    assert environment.home() == ROOT
    monkeypatch.setattr(environment, "ROOT", tmp_path / "site-packages")
    assert environment.home() == tmp_path
    monkeypatch.setenv("REGISTRY_HOME", "elsewhere")
    assert environment.home() == tmp_path / "elsewhere"
