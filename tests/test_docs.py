"""README, docs and code are in plain, modern English and about the project alone; links in docs work."""

import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OLD_WORDS = (
    *("whoever", "whomever", "whosoever", "whosever", "whose turn", "lest", "besides", "amidst", "in the midst of"),
    *("he", "him", "his", "himself", "oneself", "thereof", "therein", "wherein", "whereby", "whereupon", "hence"),
    *("anew", "afresh", "nay", "ere", "be it", "of two minds", "of its own accord", "it does sooner", "what is shown"),
    *("looked at than", "at the very same moment", "takes part", "leafed through", "speaks nothing", "house"),
    *("behind the server's back", "hangs up", "in silence", "comes back", "come back", "mends", "lets in", "vouches"),
    *("some of everything", "something of everything", "all those who", "likewise", "nobody but", "as it comes"),
    *("lie in", "lies in", "gives back", "given back", "midway", "nobody fetches", "for moments", "told to be"),
    *("speak of", "speaks of", "no more than it should", "stands nowhere", "keeps nobody"),
    *("nobody of importance", "comes over", "moves in", "move in", "moving in", "by chance alone", "gives way"),
)
# Names of tests say what the registry does: subject, verb, object.
OLD_NAMES = re.compile(
    r"^test_(?:who|whom|whose|what|where|of)_|_(?:he|him|his|himself|whoever|whatever|lest|anew|besides|likewise)(?:_|$)"
    r"|_(?:mended|brought|nobody|somebody)(?:_|$)|_is_(?:told|said)(?:_|$)|_(?:is|are)_none(?:_|$)|_comes?_(?:back|in)(?:_|$)"
    r"|_(?:lie|lies|beats?|vouches)_|_(?:is|are)_answered_(?:once|as)(?:_|$)"
)
OLD = re.compile(rf"\b({'|'.join(map(re.escape, OLD_WORDS))})\b", re.IGNORECASE)
# Text about the making of the project instead of the project.
FOREIGN = re.compile(r"/work/|/root/|\bissue #?\d+|\bhelper [a-z]\b")
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
    if not str(path.relative_to(ROOT)).startswith(GENERATED)
]
APPS = ("tenants", "folksonomy", "versions", "catalog", "registry_site", "benchmarks", "tests")
PROSE = (tokenize.COMMENT, tokenize.STRING)


def test_the_pages_are_found() -> None:
    names = {str(path.relative_to(ROOT)) for path in PAGES}
    assert names > {"README.md", "CHANGELOG.md", "docs/operations.md", "docs/deploy/https.md", "benchmarks/README.md"}


@cache
def code() -> list[Path]:
    """Return the files of all apps, without those of other projects and this file."""
    files = [
        path
        for app in APPS
        for suffix in ("py", "html", "js", "css")
        for path in sorted((ROOT / app).rglob(f"*.{suffix}"))
    ]
    return [
        path for path in files if not {"node_modules", "vendor"} & {*path.parts} and path != Path(__file__).resolve()
    ]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a file; of Python only docstrings, comments and other strings."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), start=1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in PROSE:
            yield from enumerate(token.string.splitlines(), start=token.start[0])


def faults(path: Path, *patterns: re.Pattern[str]) -> list[str]:
    """Return what the patterns find in the file's prose, with line numbers."""
    return [
        f"{number}: {match[0]!r} in {line}"
        for number, line in prose(path)
        for pattern in patterns
        for match in pattern.finditer(line)
    ]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_is_in_plain_english_and_about_the_project_alone(page: Path) -> None:
    assert faults(page, OLD, FOREIGN) == []


@pytest.mark.parametrize("app", APPS)
def test_code_is_in_plain_english(app: str) -> None:
    files = [path for path in code() if named(path).startswith(f"{app}/")]
    assert {named(path): found for path in files if (found := faults(path, OLD))} == {}


def test_names_of_tests_are_in_plain_english() -> None:
    files = {path: path.read_text(encoding="utf-8") for path in code() if path.name.startswith("test_")}
    names = {named(path): re.findall(r"\bdef (test_\w+)", text) for path, text in files.items()}
    assert names.keys() > {"tests/test_races.py", "tests/e2e/test_readme.py", "tests/catalog/test_words.py"}
    assert {(path, name) for path, found in names.items() for name in found if OLD_NAMES.search(name)} == set()


def test_the_check_finds_what_it_looks_for() -> None:
    assert OLD_NAMES.search("test_who_asks_for_what_is_his_is_answered")
    assert not OLD_NAMES.search("test_a_history_shows_what_the_caller_may_read")
    assert OLD.search("Whoever loses pays for the work twice")
    assert OLD.search("a user and his password")
    assert not OLD.search("the history of this page, then there")


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the page's headings."""
    headings = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", MARKDOWN, ids=named)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    for file, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), f"{file}#{anchor}"


def test_the_index_of_decisions_lists_each_record() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[a-z-]+\.md)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_the_readme_names_each_folder_of_code() -> None:
    text = (ROOT / "README.md").read_text()
    folders = {path.parent.name for app in APPS[:5] for path in (ROOT / app).glob("*/__init__.py")}
    unlisted = {"migrations", "management", "admin", "models"}  # Django's own
    assert {folder for folder in folders - unlisted if f"`{folder}/`" not in text} == set()
