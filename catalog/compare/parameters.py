"""Reads the query parameters of a comparison."""

from collections.abc import Sequence

from rest_framework.request import Request

from catalog.compare.fields import METADATA
from tenants.rest.querying.fields import query_error
from tenants.rest.querying.operands import read_json

MOST_NAMES = 1000  # in `fields`


def fields_in(request: Request) -> Sequence[str]:
    """Return the fields to compare, in their order; by default all metadata. Raises Refused for too many names."""
    wanted = listed(request, "fields") or [METADATA]
    if len(wanted) > MOST_NAMES:
        raise query_error(f"fields has at most {MOST_NAMES} names")
    return list(dict.fromkeys(wanted))


def listed(request: Request, name: str) -> list[str]:
    """Return the texts in a query parameter, which may be repeated: separated by commas, or a JSON list."""
    found: list[str] = []
    for text in request.query_params.getlist(name):
        if text.startswith("["):
            texts = read_json(text, name)
            if not all(isinstance(each, str) for each in texts):
                raise query_error(f"{name} is not a list of texts")
            found += texts
        else:
            found += text.split(",")
    return [text for text in found if text.strip()]
