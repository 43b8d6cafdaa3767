"""The code follows the rules that the documentation states. (`make imports` checks the order of imports.)"""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests import scheduling, selecting

ROOT = Path(__file__).resolve().parent.parent
APPS = ("tenants", "folksonomy", "versions", "catalog", "registry_site")
MODULE_LINES, FUNCTION_LINES = 250, 30
ENGINE_MODULES: tuple[str, ...] = (
    "registry_site/config/databases.py",
    "tenants/rest/querying/",
    "tenants/rows/transactions.py",
    "tenants/rows/fields.py",
    "tenants/rows/plans.py",
    "tenants/rows/statements.py",
)
# Each engine's own indexes and counts are in one module; see docs/decisions/0001 and 0002.
ENGINE_MODULES += ("tenants/rows/indexes.py", "folksonomy/services.py", "catalog/arrays.py", "versions/embedded.py")
ENGINE_MODULES += ("registry_site/config/mongodb",)


def modules(*, migrations: bool = False) -> Iterator[Path]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if migrations or not any("migrations" in part for part in path.parts):
                yield path


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines()]


def test_files_are_short() -> None:
    long = {named(path): lines for path in modules() if (lines := len(path.read_text().splitlines())) > MODULE_LINES}
    assert long == {}


def test_functions_are_short() -> None:
    long = {}
    for path in modules():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
                if lines > FUNCTION_LINES:
                    long[f"{named(path)}:{node.name}"] = lines
    assert long == {}


def test_imports_stand_at_the_top_and_name_what_they_bring() -> None:
    found = []
    for path in modules():
        tree = parsed(path)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and any(name.name == "*" for name in node.names):
                found.append(f"{named(path)}:{node.lineno} *")
            if isinstance(node, ast.FunctionDef):
                inner = (part for part in ast.walk(node) if isinstance(part, ast.Import | ast.ImportFrom))
                found += [f"{named(path)}:{part.lineno}" for part in inner]
    assert found == []


def test_no_signals() -> None:
    assert [named(path) for path in modules() if "django.db.models.signals" in path.read_text()] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = []
    for path in modules():
        tree = parsed(path)
        if tree.body and path.name not in ("apps.py", "__init__.py") and not ast.get_docstring(tree):
            silent.append(named(path))
    assert silent == []


def test_few_modules_ask_which_engine_runs() -> None:
    asking = [named(path) for path in modules() if "connection.vendor" in path.read_text()]
    assert [name for name in asking if not name.startswith(ENGINE_MODULES)] == []


def test_every_function_that_opens_a_transaction_is_retried_after_a_conflict() -> None:
    """Otherwise a concurrent writer is a crash, on MongoDB above all."""
    openers = {"atomic", "reference_guard", "removal_guard", "one_transaction"}
    elsewhere = {  # in `rows/`, which defines them, too
        "tenants/models/tenants.py::create_superuser",  # a command that its user repeats
        "tenants/rest/collections.py::create_together",  # then each element is created on its own
        "folksonomy/services.py::set_term_usage",  # its callers are retried
    }
    opening = {
        f"{named(path)}::{node.name}"
        for path in modules()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef) and not any(ast.unparse(each) == "retried" for each in node.decorator_list)
        if any(isinstance(call, ast.Call) and ast.unparse(call.func) in openers for call in ast.walk(node))
    }
    assert {each for each in opening if not each.startswith("tenants/rows/")} == elsewhere


def test_only_the_storage_knows_storages() -> None:
    users = [named(path) for path in modules() if "django.core.files.storage import" in path.read_text()]
    assert users == ["versions/storage.py"]


def test_no_secret_and_no_data_is_in_the_repository() -> None:
    names = [named(path) for path in tracked()]
    assert [name for name in names if name.endswith((".env", ".pem", ".sqlite3"))] == []
    assert [name for name in names if name.startswith(("data/", "uploads/"))] == []


def test_every_file_of_tests_says_whether_an_engine_can_make_it_fail() -> None:
    files = [named(path) for path in sorted((ROOT / "tests").rglob("test_*.py"))]
    assert [file for file in files if not selecting.decides(f"{file}::")] == [], "list it in tests/selection.py"


def test_the_tables_of_tests_name_existing_tests() -> None:
    assert selecting.ON_ALL.isdisjoint(selecting.ON_ONE)
    tables = (selecting.ON_ALL, selecting.ON_ONE, selecting.SLOW, *selecting.NOT_ON.values())
    entries = {entry for table in (*tables, scheduling.JOBS, scheduling.ALONE, scheduling.FIRST) for entry in table}
    assert sorted(entry for entry in entries if not _names_a_test(entry)) == []


def _names_a_test(entry: str) -> bool:
    file, _, test = entry.partition("::")
    if test:
        return f"def {test.partition('[')[0]}" in (ROOT / file).read_text()
    return (ROOT / file).exists() or any((ROOT / "tests").glob(f"{file.removeprefix('tests/')}*.py"))


def test_no_test_file_is_independent_by_its_folder_alone() -> None:
    """A folder as a whole may be independent of engines only if all its files are of one kind."""
    folders = [entry for entry in selecting.ON_ONE if entry.endswith("/")]
    assert sorted(folders) == ["tests/e2e/browser/", "tests/e2e/fuzz/", "tests/e2e/original/", "tests/e2e/postman/"]
