"""README and docs: plain, modern English about the project alone, with links that lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OLD_WORDS = (
    *("whoever", "whomever", "whosoever", "whosever", "whose turn", "lest", "besides", "amidst", "in the midst of"),
    *("he", "him", "his", "himself", "oneself", "thereof", "therein", "wherein", "whereby", "whereupon", "hence"),
    *("anew", "afresh", "nay", "ere", "be it", "of two minds", "of its own accord", "it does sooner", "what is shown"),
    *("looked at than", "at the very same moment", "takes part", "leafed through", "speaks nothing", "house"),
    *("nobody of importance", "comes over", "moves in", "move in", "moving in", "by chance alone", "gives way"),
)
OLD = re.compile(rf"\b({'|'.join(map(re.escape, OLD_WORDS))})\b", re.IGNORECASE)
# What tells of the making of the project instead of the project.
FOREIGN = re.compile(r"/work/|/root/|\bissue #?\d+|\bhelper [a-z]\b")
# Not yet rewritten.
PENDING = ("docs/contract.md", "docs/security.md", *(f"docs/decisions/000{number}" for number in (5, 7)))
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"(?m)^#+ (.+)$")
GENERATED = ("docs/contract-coverage.md",)  # names of tests
MARKDOWN = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks" / "README.md"})
PAGES = [
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "docs/deploy/*",
        "*/README.md",
        "Makefile",
        "Dockerfile",
        "docker-compose.yml",
    )
    for path in sorted(ROOT.glob(pattern))
    if not str(path.relative_to(ROOT)).startswith(PENDING + GENERATED)
]


def test_the_pages_are_found() -> None:
    names = {str(path.relative_to(ROOT)) for path in PAGES}
    assert names > {"README.md", "CHANGELOG.md", "docs/operations.md", "docs/deploy/https.md", "benchmarks/README.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_is_in_plain_english_and_about_the_project_alone(page: Path) -> None:
    lines = list(enumerate(page.read_text(encoding="utf-8").splitlines(), start=1))
    found = [f"{number}: {match[0]!r} in {line}" for number, line in lines for match in OLD.finditer(line)]
    found += [f"{number}: {match[0]!r} in {line}" for number, line in lines for match in FOREIGN.finditer(line)]
    assert found == []


def test_the_check_finds_what_it_looks_for() -> None:
    assert OLD.search("Whoever loses pays for the work twice")
    assert OLD.search("a user and his password")
    assert not OLD.search("the history of this page, then there")


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the page's headings."""
    headings = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    for file, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), f"{file}#{anchor}"
