r"""Regular expressions with RE2's syntax and semantics on every engine.

RE2 decides whether a pattern is valid. SQLite matches with RE2. For the other engines the pattern is translated, as the
syntax differs (in PostgreSQL `\b` is a backspace; in PCRE `$` also matches before a final newline).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, TypeAlias

import re2

LONGEST = 200
DIGIT = ((0x30, 0x39),)
WORD = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
SPACE = ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20))
PERL = {"d": DIGIT, "w": WORD, "s": SPACE}
CONTROLS = {"a": 0x07, "f": 0x0C, "t": 0x09, "n": 0x0A, "r": 0x0D, "v": 0x0B}
POSIX = {
    "alnum": ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)),
    "alpha": ((0x41, 0x5A), (0x61, 0x7A)),
    "ascii": ((0x00, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)),
    "cntrl": ((0x00, 0x1F), (0x7F, 0x7F)),
    "digit": DIGIT,
    "graph": ((0x21, 0x7E),),
    "lower": ((0x61, 0x7A),),
    "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": ((0x09, 0x0D), (0x20, 0x20)),
    "upper": ((0x41, 0x5A),),
    "word": WORD,
    "xdigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
}
LAST = 0x10FFFF
ESCAPE = re.compile(r"x\{([0-9A-Fa-f]+)\}|x([0-9A-Fa-f]{2})|([0-7]{1,3})|(.)", re.DOTALL)
REPEAT = re.compile(r"\{\d+(?:,\d*)?\}\??", re.ASCII)
GROUP = re.compile(r"\(\?(?::|P?<\w+>)")
NEITHER = "(?:(?<![{0}])(?![{0}])|(?<=[{0}])(?=[{0}]))"
BOUNDARY = "(?:(?<![{0}])(?=[{0}])|(?<=[{0}])(?![{0}]))"

Ranges: TypeAlias = tuple[tuple[int, int], ...]


class BadPattern(ValueError):
    """An invalid pattern, and the reason."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that RE2 accepts. It can match anywhere in a text. Each engine needs it rewritten."""

    VALUES: ClassVar = None  # it is no value that a prepared query can have

    text: str
    insensitive: bool = False

    def for_postgresql(self) -> str:
        """Return the pattern as an advanced regular expression of PostgreSQL."""
        return _written(self.text, "postgresql")

    def for_mongodb(self) -> str:
        """Return the pattern in the syntax of PCRE."""
        return _written(self.text, "mongodb")


def checked(text: str, options: str = "") -> Pattern:
    """Return the pattern. Raises BadPattern if RE2 or one of the engines does not support it."""
    if len(text) > LONGEST:
        raise BadPattern(f"a regular expression has at most {LONGEST} characters")
    if options not in ("", "i"):
        raise BadPattern(f"the only option of a regular expression is i, not {options[:20]}")
    if text.startswith("(?i)"):
        text, options = text.removeprefix("(?i)"), "i"
    pattern = Pattern(text, options == "i")
    try:
        _compiled(pattern.text, pattern.insensitive)
    except re2.error as error:
        reason = error.args[0] if error.args else "not valid"
        raise BadPattern(reason.decode() if isinstance(reason, bytes) else str(reason)) from None
    pattern.for_postgresql()
    return pattern


@lru_cache(maxsize=256)
def _compiled(text: str, insensitive: bool) -> Any:
    options = re2.Options()
    options.case_sensitive = not insensitive
    options.never_capture = True
    options.log_errors = False
    return re2.compile(text, options)


def search(text: str, insensitive: int, subject: str | None) -> bool:
    """Tell whether the subject contains a match. SQLite calls this function."""
    return isinstance(subject, str) and _compiled(text, bool(insensitive)).search(subject) is not None


def _written(text: str, engine: str) -> str:
    try:
        return "".join(_pieces(text, engine))
    except IndexError:
        raise BadPattern("the regular expression ends too early") from None


def _pieces(text: str, engine: str) -> Iterator[str]:
    """Yield the engine's syntax for each part of a pattern that RE2 accepts."""
    at = 0
    while at < len(text):
        here = text[at]
        if text.startswith("\\Q", at):
            quoted, _, _ = text[at + 2 :].partition("\\E")
            yield from (_literal(ord(letter), engine) for letter in quoted)
            at += 2 + len(quoted) + 2
        elif here == "\\":
            piece, at = _escape(text, at, engine)
            yield piece
        elif here == "[":
            negated, ranges, at = _class(text, at)
            yield _bracket(ranges, engine, negated=negated)
        elif text.startswith("(?", at):
            group = GROUP.match(text, at)
            if not group:
                raise BadPattern("flags inside a regular expression are not supported, except (?i) at its start")
            yield "(?:"
            at = group.end()
        elif here == "{" and (repeat := REPEAT.match(text, at)):
            yield repeat.group()
            at = repeat.end()
        else:
            yield _plain(here, engine)
            at += 1


def _plain(here: str, engine: str) -> str:
    if here == ".":
        return _bracket(((0x0A, 0x0A),), engine, negated=True)
    if here == "$":
        return "\\Z" if engine == "postgresql" else "\\z"
    return {"^": "\\A", "(": "(?:"}.get(here) or (here if here in ")|*+?" else _literal(ord(here), engine))


def _escape(text: str, at: int, engine: str) -> tuple[str, int]:
    letter = text[at + 1]
    if letter in "dDwWsS":
        return _bracket(PERL[letter.lower()], engine, negated=letter.isupper()), at + 2
    if letter in "bB":
        return (BOUNDARY if letter == "b" else NEITHER).format("0-9A-Za-z_"), at + 2
    if letter in "Az":
        return "\\A" if letter == "A" else _plain("$", engine), at + 2
    code, at = _code(text, at)
    return _literal(code, engine), at


def _code(text: str, at: int) -> tuple[int, int]:
    """Return the code of the character that the escape at `at` denotes, and the position after the escape."""
    match = ESCAPE.match(text, at + 1)
    if not match or match[4] in ("p", "P", "C"):
        raise BadPattern(f"\\{text[at + 1]} is not supported in a regular expression")
    braced, pair, octal, letter = match.groups()
    if braced or pair:
        code = int(braced or pair, 16)
    else:
        code = int(octal, 8) if octal else CONTROLS.get(letter, ord(letter))
    return code, match.end()


def _class(text: str, at: int) -> tuple[bool, Ranges, int]:
    """Return whether the class that starts at `at` is negated, its characters, and the position after it."""
    at += 1
    negated = text[at] == "^"
    at += negated
    ranges: list[tuple[int, int]] = []
    first = True
    while first or text[at] != "]":
        first = False
        if text.startswith("[:", at):
            name, _, _ = text[at + 2 :].partition(":]")
            ranges += _complement(POSIX[name[1:]]) if name.startswith("^") else POSIX[name]
            at += len(name) + 4
        elif text[at] == "\\" and text[at + 1] in "dDwWsS":
            perl = PERL[text[at + 1].lower()]
            ranges += _complement(perl) if text[at + 1].isupper() else perl
            at += 2
        else:
            low, at = _member(text, at)
            high = low
            if text[at] == "-" and text[at + 1] != "]":
                high, at = _member(text, at + 1)
            ranges.append((low, high))
    return negated, tuple(ranges), at + 1


def _member(text: str, at: int) -> tuple[int, int]:
    return _code(text, at) if text[at] == "\\" else (ord(text[at]), at + 1)


def _complement(ranges: Ranges) -> Ranges:
    gaps, start = [], 0
    for low, high in sorted(ranges):
        if start < low:
            gaps.append((start, low - 1))
        start = high + 1
    return (*gaps, (start, LAST)) if start <= LAST else tuple(gaps)


def _bracket(ranges: Ranges, engine: str, *, negated: bool) -> str:
    shown = [(max(low, 1), high) for low, high in ranges if high]
    if not shown:
        raise BadPattern("a class of the null character alone is not supported in a regular expression")
    inside = "".join(
        _literal(low, engine) if low == high else f"{_literal(low, engine)}-{_literal(high, engine)}"
        for low, high in shown
    )
    return f"[{'^' if negated else ''}{inside}]"


def _literal(code: int, engine: str) -> str:
    """Return the character as a literal, valid inside and outside a class."""
    letter = chr(code)
    if letter.isascii() and letter.isalnum():
        return letter
    if not code:
        raise BadPattern("the null character is not supported in a regular expression")
    if engine == "mongodb":
        return f"\\x{{{code:x}}}"
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"
