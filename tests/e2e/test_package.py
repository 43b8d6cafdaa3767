"""`pip install .` installs everything, and `model-registry` works in any folder."""

import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import httpx
import pytest

from registry_site import __version__
from tests.engines import free_port
from tests.served import ROOT, START_SECONDS, STOP_SECONDS

PACKAGES = ("registry_site", "tenants", "folksonomy", "versions", "catalog")
UV = [Path(sys.executable).with_name("uv"), "--quiet", "--offline"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built from a copy of the files that belong to it."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    names = ["pyproject.toml", "README.md", "LICENSE", *PACKAGES]
    subprocess.run(["cp", "-r", *(ROOT / name for name in names), source], check=True)
    subprocess.run(
        [*UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", built, source], check=True
    )
    (file,) = built.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command, with the dependencies of the tests' environment."""
    target = tmp_path_factory.mktemp("installed")
    install = ["pip", "install", "--no-deps", "--no-index", "--python", sys.executable, "--target", target]
    subprocess.run([*UV, *install, wheel], check=True)
    return target / "bin" / "model-registry"


def run(program: Path, *words: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *words], cwd=folder, env=env(program) | variables, capture_output=True, text=True, check=False
    )


def env(program: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(program.parent.parent), "HTTP_PORT": str(free_port())}


def test_the_package_holds_every_file_of_every_app(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    ours = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    assert packed == {str(path.relative_to(ROOT)) for path in ours if "__pycache__" not in path.parts}


def test_there_is_one_version(wheel: Path, program: Path, tmp_path: Path) -> None:
    assert wheel.name.startswith(f"model_registry-{__version__}-")
    assert run(program, "--version", folder=tmp_path).stdout == f"{__version__}\n"
    assert f"## {__version__} - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_it_serves_from_the_folder_that_it_is_started_in(program: Path, tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    variables = env(program)
    url = f"http://127.0.0.1:{variables['HTTP_PORT']}"
    with (tmp_path / "output").open("wb") as output:
        served = subprocess.Popen([program, "serve"], cwd=home, env=variables, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(url):
            assert served.poll() is None, (tmp_path / "output").read_text()
            assert time.monotonic() < deadline, (tmp_path / "output").read_text()
            time.sleep(0.1)
        assert served.poll() is None, "somebody else answered on the port"
        for path in ("/", "/docs.html", "/login.html", "/static/registry/page.css", "/v1/docs", "/admin/login/"):
            assert httpx.get(f"{url}{path}", timeout=30).status_code == 200, path
        assert run(program, "healthcheck", folder=home, HTTP_PORT=variables["HTTP_PORT"]).returncode == 0
    finally:
        served.terminate()
        served.wait(STOP_SECONDS)
    assert {path.name for path in home.iterdir()} >= {"init", "data"}
    assert (home / "data" / "registry.sqlite3").exists()
    done = run(program, "backup", str(tmp_path / "backup"), folder=elsewhere, REGISTRY_HOME=str(home))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "backup" / "manifest.json").exists()
    assert not list(elsewhere.iterdir())


def test_the_systemd_unit_starts_the_installed_command(program: Path) -> None:
    unit = (ROOT / "docs" / "deploy" / "registry.service").read_text(encoding="utf-8")
    (command,) = re.findall(r"(?m)^ExecStart=(.+)$", unit)
    path, *words = command.split()
    assert (Path(path).name, words) == (program.name, ["serve"])
    assert "make run" not in unit
    assert re.findall(r"(?m)^WorkingDirectory=(.+)$", unit) == re.findall(r"(?m)^Environment=REGISTRY_HOME=(.+)$", unit)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("command", ["backup", "check_integrity", "collect_garbage", "healthcheck"])
def test_a_command_in_a_folder_without_a_registry_says_so_and_begins_none(
    program: Path, tmp_path: Path, command: str
) -> None:
    words = [command, str(tmp_path / "backup")] if command == "backup" else [command]
    refused = run(program, *words, folder=tmp_path)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert "REGISTRY_HOME" in refused.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [(), ("help",), ("serve", "--help"), ("variables",)])
def test_help_needs_no_registry(program: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    shown = run(program, *words, folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "serve" in shown.stdout or "HTTP_PORT" in shown.stdout
    assert not list(tmp_path.iterdir())
