"""What the request log stores of a request: no secrets, and no more than the limits."""

import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from django.conf import settings
from django.http import HttpRequest

from tenants.rows.fields import new_id

# Parts of field names, without punctuation and case, whose values are never logged: `newPassword`, `api_key`.
SECRETS = re.compile(
    "passw|passphrase|passcode|pass$|pwd|secret|token|apikey|accesskey|privatekey|credential|authorization|auth$|jwt"
    "|bearer|cookie|session|reset|signature|^sig$"
)
MACHINE_TOKEN = re.compile("mr_[0-9A-Za-z]{16,}")  # in any text, also cut
UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
WORDS = re.compile(r"[\w-]+")
BLANK = "***"
MAX_DEPTH = 20  # of a body
URL_LIMIT, NAME_LIMIT = 2000, 100  # characters of a URL, and of a field's name


class Answered(NamedTuple):
    """An answered request; the writer's thread makes the row of it."""

    tenant_id: str | None
    date: datetime
    user_id: str | None
    username: str
    method: str
    path: str
    query: str
    status: int
    duration_ms: float
    contents: str

    def row(self) -> dict[str, Any]:
        """Return the columns of the entry. Raises an error for a value of a wrong type."""
        return {
            "_id": new_id(),
            "tenant_id": self.tenant_id,
            "date": self.date,
            "user_id": self.user_id,
            "username": self.username,
            "method": self.method,
            "url": blanked_url(self.path, self.query),
            "status": int(self.status),
            "duration_ms": float(self.duration_ms),
            "contents": self.contents,
        }


def is_secret(name: str) -> bool:
    """Tell whether a field of this name holds a secret."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return bool(SECRETS.search("".join(filter(str.isalnum, plain))))


def _blanked(value: Any, left: Iterator[int], limit: int, depth: int = 0) -> Any:
    """Return a body without secrets and deep levels, with texts cut to `limit`; stops when `left` is exhausted."""
    if isinstance(value, dict | list) and depth > MAX_DEPTH:
        return BLANK
    if isinstance(value, dict):
        return {
            key[:NAME_LIMIT]: BLANK if is_secret(key[:NAME_LIMIT]) else _blanked(inner, left, limit, depth + 1)
            for (key, inner), _ in zip(value.items(), left, strict=False)
        }
    if isinstance(value, list):
        return [_blanked(inner, left, limit, depth + 1) for inner, _ in zip(value, left, strict=False)]
    return value[:limit] if isinstance(value, str) else value


def _blanked_text(text: str) -> str:
    """Return a query parameter's value without the secrets in its JSON, if it is JSON."""
    if text[:1] not in ("{", "["):
        return text
    try:
        value = json.loads(text)
        blanked = _blanked(value, iter(range(URL_LIMIT)), URL_LIMIT)
    except (ValueError, RecursionError):
        return BLANK if "\\u" in text or any(map(is_secret, WORDS.findall(text))) else text
    return text if blanked == value else json.dumps(blanked, ensure_ascii=False)


def _printable(text: str) -> str:
    """Return the text without machine tokens.

    Line breaks, direction overrides and characters that cannot be stored are percent-encoded.
    """
    return UNPRINTABLE.sub(lambda match: quote(match[0], errors="backslashreplace"), MACHINE_TOKEN.sub(BLANK, text))


def blanked_url(path: str, query: str) -> str:
    """Return a path and query without secrets, cut to `URL_LIMIT` characters."""
    pairs = parse_qsl(query, keep_blank_values=True)
    blanked = [(key, BLANK if is_secret(key) else _blanked_text(value)) for key, value in pairs]
    if blanked != pairs:
        query = urlencode(blanked)
    return _printable(path + (f"?{query}" if query else ""))[:URL_LIMIT]


def contents_of(request: HttpRequest) -> str:
    """Return the parsed body as JSON without secrets, cut to `LOG_CONTENTS_LIMIT` characters.

    Processes no more of a large body than the limit.
    """
    limit: int = settings.LOG_CONTENTS_LIMIT
    if not hasattr(request, "parsed") or not limit:
        return ""
    text = json.dumps(_blanked(request.parsed.contents, iter(range(limit)), limit), ensure_ascii=False)
    return _printable(text[:limit])[:limit]
