"""Makes values of another registry fit the shapes that ours accepts, and tells what it had to change."""

import json
import math
import re
from collections.abc import Callable, Container, Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any

from rest_framework.exceptions import ValidationError

from catalog.serializers import Metadatum
from tenants.emails import EmailField
from tenants.fields import iso
from tenants.serializers import Name
from tenants.services import TENANT_ID
from tenants.texts import TURNS, turning, unfit_name
from versions.upload import CONTROLS, DEFAULT_TYPE, ORDINAL, valid_type

KEY = re.compile(r"[0-9a-f]{24}")
NOT_IN_TENANT_IDS = re.compile(r"[^A-Za-z0-9._-]+")
NAME_BYTES = 255
Tell = Callable[[str], None]


def key_of(*parts: str) -> str:
    """Return an id for what has none of our form; the same parts always give the same."""
    return sha256("\x00".join(parts).encode(errors="surrogatepass")).hexdigest()[:24]


def fitting_key(id: str) -> str:
    """Return the id itself where it is one of ours in form, else one made of it."""
    return id if KEY.fullmatch(id) else key_of(id)


def fitting_tenant_id(id: str) -> str:
    """Return a tenant id of the characters that are allowed, as near to `id` as can be."""
    return id if TENANT_ID.fullmatch(id) else NOT_IN_TENANT_IDS.sub("-", id).strip("-.")[:60] or "tenant"


def complaint(field: Any, value: Any) -> str:
    """Return why the API would refuse the value, or nothing where it would not."""
    try:
        field.run_validation(value)
    except ValidationError as error:
        return _first(error.detail)
    return ""


def fitting_title(name: str, id: str, tell: Tell) -> str:
    """Return an item's name."""
    title = TURNS.sub("", name.replace("\x00", " "))[:255] or id
    if title != name:
        tell(f"the name {name[:80]!r} cannot be, it is {title[:80]!r} now")
    return title


def fitting_tags(tags: Iterable[Any], tell: Tell) -> list[str]:
    """Return the tags that can be kept, each once."""
    kept: dict[str, None] = {}
    for tag in tags:
        if why := word_complaint(tag):
            tell(f"without the tag {str(tag)[:80]!r}: {why}")
        else:
            kept[tag] = None
    return list(kept)


def fitting_metadata(pairs: Iterable[tuple[Any, Any]], tell: Tell) -> list[dict[str, Any]]:
    """Return the metadata that can be kept, one value a name: the last, as when values are added one by one."""
    kept: dict[str, Any] = {}
    for name, given in pairs:
        value, told = fitting_value(given)
        if why := complaint(Metadatum(), {"name": name, "value": value}) or unfit_name(name):
            tell(f"without the metadata {str(name)[:80]!r}: {why}")
            continue
        if told:
            tell(f"the metadata {name!r} {told}")
        if name in kept and kept[name] != value:
            tell(f"the metadata {name!r} was there twice, without its value {str(kept[name])[:80]!r}")
        kept[name] = value
    return [{"name": name, "value": value} for name, value in kept.items()]


def fitting_value(value: Any) -> tuple[Any, str]:
    """Return a text, number or boolean that says what `value` says, and what was done to it, if anything."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value), "is the text of a number now"
    if value is None or isinstance(value, str | bool | float):
        return value, ""
    if isinstance(value, int):
        return int(value), ""  # an Int64 is an int too
    if isinstance(value, datetime):
        return iso(value), "is the text of a date now"
    return json.dumps(value, default=str, ensure_ascii=False), "is the JSON of its value now"


def fitting_file_name(name: str, tell: Tell) -> str:
    """Return the name of a file, which may lie in folders."""
    parts = [CONTROLS.sub("_", TURNS.sub("", part)) for part in name.split("/")]
    parts = [_cut(part) for part in parts if part not in ("", ".", "..")]
    fitting = "/".join(parts)[:1024].rstrip("/") or "unnamed"
    if fitting != name:
        tell(f"its name {name[:80]!r} cannot be, it is {fitting[:80]!r} now")
    return fitting


def fitting_type(sent: str) -> str:
    """Return a media type."""
    return valid_type(sent) or DEFAULT_TYPE


def fitting_ordinal(ordinal: str, taken: Iterable[str], tell: Tell) -> str:
    """Return the ordinal itself where it can be, else the number after the highest of `taken`."""
    free = ordinal not in taken and ORDINAL.fullmatch(ordinal) and not turning(ordinal)
    if free:
        return ordinal
    numbers = [int(each) for each in taken if each.isascii() and each.isdigit()]
    following = str(max(numbers, default=0) + 1)
    tell(f"the ordinal {ordinal!r} cannot be or is taken, it is {following} now")
    return following


def fitting_text(value: str, length: int) -> str:
    """Return the text as far as there is room for it."""
    return CONTROLS.sub(" ", TURNS.sub("", value))[:length]


def username_complaint(username: str) -> str:
    """Return why nobody can have that username, or nothing."""
    return complaint(Name(max_length=150), username) or unfit_name(username)


def word_complaint(word: str) -> str:
    """Return why that cannot be a tag or a metadata name, or nothing."""
    return complaint(Name(max_length=255), word) or unfit_name(word)


def fitting_email(email: str, taken: Container[str], tell: Tell) -> str | None:
    """Return the e-mail address where it is one and nobody else's."""
    if email in taken:
        tell(f"without the e-mail address {email!r}, which is another user's")
    elif email and (why := complaint(EmailField(max_length=255), email)):
        tell(f"without the e-mail address {email!r}: {why}")
    elif email:
        return email
    return None


def _cut(part: str) -> str:
    return part.encode()[:NAME_BYTES].decode(errors="ignore")


def _first(detail: Any) -> str:
    while isinstance(detail, dict | list):
        detail = next(iter(detail.values() if isinstance(detail, dict) else detail))
    return str(detail)
