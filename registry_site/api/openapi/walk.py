"""README's walk, read as the calls that it makes."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

CHAPTER = re.compile(r"\n\n((?:(?!\n\n).)+)\n\n<!-- walk -->\n```sh\n(.*?)```", re.DOTALL)
START = re.compile(r"(?:(\w+)=\$\()?curl")
ASSIGNED = re.compile(r"(\w+)=([^$]+)", re.DOTALL)
NAME = re.compile(r"\$(\w+)")


@dataclass
class Call:
    """One request of the walk; `$NAME` is a variable, and `keeps` the one that is set to a `part` of the answer."""

    keeps: str = ""
    part: str = ""
    method: str = ""
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: str = ""
    form_file: str = ""
    body_file: str = ""


def chapters(readme: str) -> list[tuple[str, list[Call]]]:
    """Return what each part of the walk is about, and its calls."""
    constants: dict[str, str] = {}
    return [(" ".join(prose.split()), list(_calls(script, constants))) for prose, script in CHAPTER.findall(readme)]


def _calls(script: str, constants: dict[str, str]) -> Iterator[Call]:
    """Yield the calls of a script, and note the variables that it sets to plain text."""
    words = iter(shlex.split(script))
    call: Call | None = None
    for word in words:
        if start := START.fullmatch(word):
            if call:
                yield call
            call = Call(keeps=start[1] or "")
        elif assigned := ASSIGNED.fullmatch(word):
            constants[assigned[1]] = assigned[2]
        elif call and word == "|":
            if next(words) == "field":
                call.part = next(words).removesuffix(")")
            yield call
            call = None
        elif call:
            _take(call, word, words, constants)
    if call:
        yield call


def _take(call: Call, option: str, words: Iterator[str], constants: dict[str, str]) -> None:
    """Let a call take one of curl's options, with the word that follows it where it has a value."""
    if option.startswith("$URL"):
        call.url = option
        call.method = call.method or "GET"
    elif option == "-X":
        call.method = next(words)
    elif option == "-H":
        name, _, value = NAME.sub(lambda match: constants.get(match[1], match[0]), next(words)).partition(": ")
        call.headers[name] = value
    elif option == "-d":
        call.body, call.method = next(words), _writes(call, "POST")
    elif option == "-F":
        call.form_file, call.method = next(words).removeprefix("file=@"), _writes(call, "POST")
    elif option == "-T":
        call.body_file, call.method = next(words), _writes(call, "PUT")
    elif option == "--data-urlencode":
        name, _, value = next(words).partition("=")
        call.query[name] = value


def _writes(call: Call, method: str) -> str:
    return method if call.method in ("", "GET") else call.method
