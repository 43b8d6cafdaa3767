"""Maps promises to tests: `@pytest.mark.promise("id", …)` names promises of docs/contract.md.

`python -m tests.promises` rewrites docs/contract-coverage.md.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = ROOT / "docs" / "contract.md"
COVERAGE = ROOT / "docs" / "contract-coverage.md"
PROMISE = re.compile(r"^- \[([a-z0-9.-]+)\] ", re.MULTILINE)
HEAD = """# Tests of each promise

Written by `python -m tests.promises`; a test fails when it is not current. The ids are [the contract](contract.md)'s.

| promise | tests |
|---|---|
"""
MISSING = "**none**"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker for `--strict-markers`."""
    config.addinivalue_line("markers", "promise(*ids): the promises of docs/contract.md that the test keeps")


def promises() -> list[str]:
    """Return the ids of all promises, in the contract's order."""
    return PROMISE.findall(CONTRACT.read_text())


@cache
def keepers() -> dict[str, list[str]]:
    """Return the tests that name each promise, read from their source, regardless of this run's selection."""
    kept: dict[str, list[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for id, test in sorted(_marks(ast.parse(file.read_text()))):
            kept.setdefault(id, []).append(f"{file.relative_to(ROOT / 'tests')}::{test}")
    return kept


def coverage() -> str:
    """Return the content of docs/contract-coverage.md."""
    kept = keepers()
    rows = (f"| {id} | {'<br>'.join(f'`{test}`' for test in kept.get(id, ())) or MISSING} |" for id in promises())
    return HEAD + "\n".join(rows) + "\n"


def _marks(module: ast.Module) -> set[tuple[str, str]]:
    """Return promise and test of every mark on a function, on its class or on its module."""
    whole = [id for node in module.body if isinstance(node, ast.Assign) and _assigns_mark(node) for id in _ids(node)]
    found = set()
    for node in module.body:
        ids = whole + [id for mark in getattr(node, "decorator_list", ()) for id in _ids(mark)]
        for test in _tests(node):
            own = [id for mark in test.decorator_list for id in _ids(mark)]
            found |= {(id, test.name) for id in ids + own}
    return found


def _tests(node: ast.AST) -> Iterator[ast.FunctionDef]:
    inner = node.body if isinstance(node, ast.ClassDef) else [node]
    return (each for each in inner if isinstance(each, ast.FunctionDef) and each.name.startswith("test_"))


def _assigns_mark(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)


def _ids(node: ast.AST) -> Iterator[str]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "promise":
            yield from (
                argument.value
                for argument in call.args
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            )


if __name__ == "__main__":
    COVERAGE.write_text(coverage())
