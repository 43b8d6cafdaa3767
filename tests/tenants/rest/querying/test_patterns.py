"""Regular expressions match as in RE2 on every engine."""

import pytest
import re2
from django.db.models import Q

from tenants.models import RequestLog
from tenants.rest.querying import patterns
from tenants.rows.fields import now

TEXTS = (
    "",
    "a",
    "A",
    "ab",
    "a\nb",
    "a\n",
    "\n",
    "a b",
    "a.b",
    "a-b",
    "a]b",
    "a\\b",
    "b{",
    "{2}",
    "\x0b",
    "\t",
    "1",
    "٣",
    "é",
    "É",
    "_",
    "aéb",
    "x$",
    "^x",
    "\U0001f600",
    "\b",
    "aaa",
    "(a)",
    "a|b",
    "*",
    "café au lait",
)
PATTERNS = (
    "a",
    "^a$",
    "^a",
    "a$",
    "a.b",
    "^.$",
    ".",
    "^$",
    "$",
    r"\Aa\z",
    r"\ba\b",
    r"\Bb",
    r"a\b",
    r"\d",
    r"^\D$",
    r"\w",
    r"^\W$",
    r"\s",
    r"^\S$",
    r"[\d\s]",
    r"^[^\w]$",
    r"[\D]",
    r"[^\Da]",
    "[a-c]",
    "[^a]",
    "^[^a]$",
    "[]a]",
    "[^]a]",
    r"[\]]",
    r"[a\-z]",
    "[a-]",
    "[-a]",
    "[[:alpha:]]",
    "[[:^alpha:]]",
    "^[[:punct:]]",
    "[[:space:]_]",
    "b{",
    "{2x*",
    "b{,3}|{",
    r"a{2,}",
    "a{2}",
    "a{1,2}$",
    "^a*?$",
    "(a|b)+",
    "(?:a|b)c?",
    "(?P<n>a)",
    "(?<n>b)",
    r"\Qa.b\E",
    r"\Q(a)",
    r"\x61",
    r"\x{e9}",
    r"\141",
    r"\n",
    r"\v",
    r"\t",
    r"\.",
    r"\\",
    r"\$",
    "é",
    "[é-ü]",
    "\U0001f600",
    "[\U0001f600-\U0001f64f]",
    "a||b",
    "()",
    "|a",
    r"caf\S+ au",
)


def means(text: str, insensitive: bool) -> set[str]:
    options = re2.Options()
    options.case_sensitive = not insensitive
    return {subject for subject in TEXTS if re2.search(text, subject, options)}


@pytest.mark.django_db
def test_every_engine_matches_like_re2() -> None:
    RequestLog.objects.bulk_create(
        RequestLog(date=now(), method="GET", url=text, status=200, duration_ms=1) for text in TEXTS
    )
    for text in PATTERNS:
        found = set(RequestLog.objects.filter(url__matches=patterns.checked(text)).values_list("url", flat=True))
        assert found == means(text, insensitive=False), text


@pytest.mark.django_db
def test_case_is_ignored_if_the_option_is_set() -> None:
    RequestLog.objects.bulk_create(
        RequestLog(date=now(), method="GET", url=text, status=200, duration_ms=1) for text in TEXTS
    )
    for text in ("a", "^É$", "[b-c]", "CAFÉ"):
        found = RequestLog.objects.filter(Q(url__matches=patterns.checked(text, "i"))).values_list("url", flat=True)
        assert set(found) == means(text, insensitive=True), text


@pytest.mark.parametrize(
    "text",
    [
        "(",
        "a**",
        "(?=a)",
        r"(a)\1",
        "a" * 201,
        r"\pL",
        r"\C",
        "(?s)a",
        "a(?i)b",
        "\\",
        "[a",
        "[b-a]",
        "x{1001}",
        "*",
        r"\x00",
    ],
)
def test_a_pattern_that_one_engine_does_not_support_is_refused_on_all(text: str) -> None:
    with pytest.raises(patterns.BadPattern):
        patterns.checked(text)
