"""What a machine token may do: the grammar of scopes, and which scope opens which action.

A view is opened by the kind of scope in its `scope_kind`, or, if it has `checks_names`, by that of its collection; then
it compares patterns with the name of each resource (`refuse_outside_scope`). The access follows from the HTTP method.
`scopes` overrides this for actions, with one or more alternatives: `{"update": ("aliases:move",)}`. A view with none of
these is closed to machine tokens. `tenants.rest.permissions` checks every request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from tenants.rows.texts import LONGEST, unreadable

MAX_SCOPES = 50  # of a token
LONGEST_SCOPE = LONGEST + 32  # characters
ACCESS = {"GET": "read", "HEAD": "read", "OPTIONS": "read", "DELETE": "delete"}  # of HTTP methods; of others `write`


@dataclass(frozen=True)
class Kind:
    """A kind of scope: its accesses, those that accept a pattern, and the URL's argument that patterns match.

    Without an `argument`, patterns match the name of the resource, which the view checks once it knows it. A kind with
    an `only` access is written without it.
    """

    accesses: tuple[str, ...]
    with_patterns: tuple[str, ...] = ()
    argument: str = ""
    only: str = ""


ITEMS, WORDS = Kind(("read", "write", "delete"), ("write", "delete")), Kind(("read", "write", "delete"))
KINDS: Mapping[str, Kind] = {
    "models": ITEMS,
    "datasets": ITEMS,
    "algorithms": ITEMS,
    "tags": WORDS,
    "metadata": WORDS,
    "users": Kind(("read",)),
    "events": Kind(("read",)),
    "aliases": Kind(("move",), ("move",), argument="alias", only="move"),
}
WRITES_ITEMS = ("models:write", "datasets:write", "algorithms:write")


def grammar() -> str:
    """Return the regular expression of all scopes, for the API's documentation."""
    forms = []
    for name, kind in KINDS.items():
        for access in kind.accesses:
            pattern = ":.+" if access in kind.with_patterns else ""
            forms.append(f"{name}{pattern}" if kind.only else f"{name}:{access}" + (f"({pattern})?" if pattern else ""))
    return f"^({'|'.join(forms)})$"


@dataclass(frozen=True)
class Scope:
    """A parsed scope; the pattern `*` matches every name."""

    kind: str
    access: str
    pattern: str = "*"

    def matches(self, name: str) -> bool:
        """Return whether the pattern matches the name, in linear time; only `*` has a special meaning."""
        return fnmatchcase(name, self.pattern.replace("[", "[[]").replace("?", "[?]"))


@lru_cache(4096)
def parse_scope(text: str) -> Scope:
    """Parse `kind:access`, `kind:access:pattern` or, for aliases, `kind:pattern`. Raises ValueError."""
    name, _, rest = text.partition(":")
    kind = KINDS.get(name)
    if kind is None:
        raise ValueError(f"Unknown kind of scope in `{text}`: one of {', '.join(KINDS)}")
    access, separator, pattern = (kind.only, ":", rest) if kind.only else rest.partition(":")
    if access not in kind.accesses:
        raise ValueError(f"Unknown access in `{text}`: one of {', '.join(kind.accesses)}")
    if separator and access not in kind.with_patterns:
        raise ValueError(f"`{name}:{access}` takes no pattern")
    if separator and (not pattern or len(pattern) > LONGEST or unreadable(pattern)):
        raise ValueError(f"`{text}` needs a pattern of names, such as `churn-*`")
    return Scope(name, access, pattern if separator else "*")


def needed_scopes(view: Any, method: str) -> tuple[str, ...]:
    """Return the scopes, as `kind:access`, any of which opens the view's action; none if it is closed."""
    declared: Mapping[str, tuple[str, ...]] = getattr(view, "scopes", {})
    kind = getattr(view, "scope_kind", "") or (view.collection if getattr(view, "checks_names", False) else "")
    return declared.get(view.action, (f"{kind}:{ACCESS.get(method, 'write')}",) if kind else ())


def opens(text: str, needed: str, view: Any, name: str | None) -> bool:
    """Return whether a scope includes the needed one, for the resource of this name.

    Without a name, a scope with a pattern suffices only for views that check the name afterwards (`checks_names`).
    """
    scope = parse_scope(text)
    if f"{scope.kind}:{scope.access}" != needed:
        return False
    if argument := KINDS[scope.kind].argument:
        name = str(view.kwargs.get(argument, ""))
    if name is None:
        return scope.pattern == "*" or bool(getattr(view, "checks_names", False))
    return scope.matches(name)
