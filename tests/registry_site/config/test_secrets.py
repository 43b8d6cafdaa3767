"""A registry with guessable secrets serves only localhost."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from registry_site.config.secrets_check import MINIMUM_LENGTHS, SAMPLES, is_loopback, weaknesses
from registry_site.config.variables import Environment
from registry_site.management.commands import serve
from tests.engines import Server
from tests.served import ROOT, migrated_file

GOOD = "a-secret-of-the-tests-that-is-long-enough-for-whatever-it-is-used-for"


def _start(folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {
        "PATH": os.environ["PATH"],
        "VARIABLES_FILE": str(folder / "variables.env"),
        "CERTIFICATES": str(folder),
        "DATABASE": f"sqlite:///{folder}/registry.sqlite3",
        "UPLOAD_PATH": str(folder / "uploads"),
        "API_TOKEN": GOOD,
        "JWT_SECRET": GOOD,
        "DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD": GOOD,
    }
    command = [sys.executable, str(ROOT / "manage.py"), "serve", *(options or ("--prepare-only",))]
    return subprocess.run(command, env=env | variables, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [*SAMPLES.items(), *((name, "x" * (length - 1)) for name, length in MINIMUM_LENGTHS.items())],
)
def test_the_name_of_a_sample_or_short_secret_is_reported_and_never_its_value(name: str, value: str) -> None:
    secrets: dict[str, Any] = {"API_TOKEN": GOOD, "JWT_SECRET": GOOD} | {name: value}
    (validation_error,) = weaknesses(Environment(_env_file=None, **secrets))
    assert validation_error.startswith(f"{name} ")
    assert value not in validation_error
    assert "\n" not in validation_error
    assert not list(weaknesses(Environment(_env_file=None, **secrets | {name: GOOD})))


@pytest.mark.parametrize("name", ["API_TOKEN", "DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD"])
def test_a_start_on_a_public_address_with_a_known_secret_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    refused = _start(tmp_path, HOST="0.0.0.0", **{name: SAMPLES[name]})
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert name in refused.stderr
    assert not (tmp_path / "registry.sqlite3").exists()


def test_a_start_on_localhost_warns_of_weak_secrets_and_is_silent_with_strong_ones(
    server: Server, tmp_path: Path
) -> None:
    migrated_file(server, tmp_path / "registry.sqlite3")
    warned = _start(tmp_path, JWT_SECRET="short")
    assert warned.returncode == 0
    assert warned.stderr.startswith("Warning: JWT_SECRET has 5 characters")
    good = _start(tmp_path, HOST="0.0.0.0")
    assert (good.returncode, good.stderr) == (0, "")


@pytest.mark.parametrize(
    ("variables", "exposed"),
    [
        ({"HOST": "0.0.0.0"}, True),
        ({"HOST": "::"}, True),
        ({"HOST": "0.0.0.0", "PUBLIC_URL": "https://models.example"}, True),
        ({"HOST": "127.0.0.1"}, False),
        ({"HOST": "0.0.0.0", "TRUSTED_PROXIES": "10.0.0.0/8"}, False),
    ],
)
def test_a_public_address_without_a_proxy_is_exposed(variables: dict[str, Any], exposed: bool) -> None:
    assert serve.is_exposed(Environment(_env_file=None, **variables)) is exposed


@pytest.mark.parametrize(
    ("variables", "warned"),
    [
        ({"HOST": "0.0.0.0"}, True),
        ({"HOST": "0.0.0.0", "PROTOCOL": "https"}, False),
    ],
)
def test_plain_http_on_a_public_address_warns(
    server: Server, tmp_path: Path, variables: dict[str, str], warned: bool
) -> None:
    migrated_file(server, tmp_path / "registry.sqlite3")
    with socket.socket() as taken:  # the port is in use, so the start warns and ends
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        run = _start(tmp_path, "--no-color", HTTP_PORT=port, HTTPS_PORT=port, **variables)
    assert "cannot listen" in run.stderr
    assert ("without encryption" in run.stderr) is warned, run.stderr


def test_a_start_without_secrets_is_refused(tmp_path: Path) -> None:
    (tmp_path / "variables.env").write_text("LOG=true\n")
    refused = _start(tmp_path, API_TOKEN="", JWT_SECRET="")
    assert refused.returncode == 1
    assert "API_TOKEN, JWT_SECRET" in refused.stderr


def test_only_loopback_addresses_count_as_localhost() -> None:
    hosts = ("127.0.0.1", "127.8.9.10", "::1", "localhost", "0.0.0.0", "::", "10.0.0.1", "models.example")
    assert [is_loopback(host) for host in hosts] == [True] * 4 + [False] * 4
