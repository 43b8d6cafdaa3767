"""All routes of the registry, each with a matching path."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
UNKNOWN = {"pk": "000000000000000000000000", "version": "nothing", "file": "nothing", "alias": "nowhere"}
UNKNOWN["proposal"] = UNKNOWN["pk"]
OUTSIDE = {"admin/"}  # tests/registry_site/pages/test_admin.py walks them

# They read a part of a version. Their writes are those of `versions-detail`, of a version whose name ends like them.
ENDS_OF_VERSIONS = ("versions-files", "versions-file", "versions-info", "versions-diff", "versions-events")
# Methods that a route supports only if a header names another method.
OVERRIDES = {"uploads-detail": {"post"}}


@dataclass(frozen=True)
class Route:
    """A route of the URL conf; `template` names the arguments in braces, as `models/{pk}`."""

    name: str
    template: str
    methods: tuple[str, ...]

    @property
    def example(self) -> str:
        """A path of the route whose ids do not exist."""
        return "/" + self.template.format(**UNKNOWN)


def _template(pattern: Any) -> str:
    text = str(pattern).removeprefix("^").removesuffix("$").removesuffix("\\Z")
    text = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", text)
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", text)


def _routes(patterns: list[Any]) -> Iterator[Route]:
    for each in patterns:
        template = _template(each.pattern)
        if isinstance(each, URLResolver):
            assert template in OUTSIDE, f"routes of {template} have no expectation"
        elif isinstance(each, URLPattern):
            known: Any = getattr(each.callback, "actions", None) or getattr(each.callback, "methods", ("get",))
            yield Route(str(each.name), template, tuple(method.lower() for method in known))


ROUTES = tuple(_routes(get_resolver().url_patterns))
