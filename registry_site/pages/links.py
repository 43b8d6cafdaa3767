"""Links between pages."""

import json

from django.urls import reverse

from tenants.rest.querying.terms import term_text

SEARCHED = {"tags": "tag", "owner": "owner"}  # how the search box calls a field


def listing(route: str, field: str, value: str) -> str:
    """Return the URL of the list of documents that have this value in this field."""
    if field in SEARCHED and '"' not in value:
        return reverse(f"{route}-list", query={"q": term_text(SEARCHED[field], ":", value)})
    condition = json.dumps({field: value}, ensure_ascii=False)
    return reverse(f"{route}-list", query={"filter": condition})
