"""Every claim of `docs/security.md` names existing tests."""

import re

import pytest

from tests.served import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
SECTIONS = {part.splitlines()[0]: part for part in PAGE.split("\n## ")[2:]}
NAMED = re.compile(r"`([a-z_/]*(?:test_[a-z_]+\.py|[a-z]/))`")


def _claims() -> list[str]:
    """Return the rows of the page's tables, without headers."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    return [row for row in rows if not row.startswith(("| Promise", "| Attack", "| Risk", "| ---"))]


@pytest.mark.parametrize("claim", _claims())
def test_every_promise_names_tests_that_are_there(claim: str) -> None:
    named = NAMED.findall(claim.split("|")[-2])  # the last column
    assert named
    assert [name for name in named if not (ROOT / "tests" / name).exists()] == []


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_text_outside_the_tables_names_existing_tests(section: str) -> None:
    files = [name for name in NAMED.findall(SECTIONS[section]) if name.endswith(".py")]
    assert files
    assert [name for name in files if not (ROOT / "tests" / name).exists()] == []
