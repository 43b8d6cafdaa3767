"""Parses the curl commands of README's tour."""

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
    """One request of the tour. `$NAME` is a variable; the response's field `part` is stored in the variable `keeps`."""

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
    """Return the prose and the calls of each part of the tour."""
    constants: dict[str, str] = {}
    return [(" ".join(prose.split()), list(_calls(script, constants))) for prose, script in CHAPTER.findall(readme)]


def _calls(script: str, constants: dict[str, str]) -> Iterator[Call]:
    """Yield the calls of a script, and collect variables that it sets to a constant."""
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
            _apply_option(call, word, words, constants)
    if call:
        yield call


def _apply_option(call: Call, option: str, words: Iterator[str], constants: dict[str, str]) -> None:
    """Apply one of curl's options to a call; consume its value if it has one."""
    if option.startswith("$URL"):
        call.url = option
        call.method = call.method or "GET"
    elif option == "-X":
        call.method = next(words)
    elif option == "-H":
        name, _, value = NAME.sub(lambda match: constants.get(match[1], match[0]), next(words)).partition(": ")
        call.headers[name] = value
    elif option == "-d":
        call.body, call.method = next(words), _default_method(call, "POST")
    elif option == "-F":
        call.form_file, call.method = next(words).removeprefix("file=@"), _default_method(call, "POST")
    elif option == "-T":
        call.body_file, call.method = next(words), _default_method(call, "PUT")
    elif option == "--data-urlencode":
        name, _, value = next(words).partition("=")
        call.query[name] = value


def _default_method(call: Call, method: str) -> str:
    return method if call.method in ("", "GET") else call.method
