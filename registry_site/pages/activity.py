"""Events as sentences: who did what."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Q

from tenants.models import Event, User
from tenants.rest.querying.page import ordered_page

NEWEST = 10  # events on the page of an item or a user
SHOWN = 80  # characters of a value
# What is done to the subject, by the end of an event's type; any other verb is shown as it is.
VERBS = {
    "updated": "changed",
    "role_changed": "changed the role of",
    "password_changed": "changed the password of",
    "deletion_started": "began to delete",
}
WHOLE = ("created", "imported", "deleted")  # verbs whose changes are the whole subject
KINDS = {"protectionrule": "rule", "machinetoken": "token"}  # as sentences name them
PROPOSED = {"created": "made", "approved": "approved", "rejected": "rejected", "withdrawn": "withdrew"}
UNSHOWN = ("lastmod",)


def sentence(event: Mapping[str, Any]) -> str:
    """Return what an event says: `ada changed model churn: status from “test” to “production”`."""
    kind, _, verb = event["type"].partition(".")
    actor = event["actor"]["username"] if event["actor"] else "The operator"
    item = event["item"] or {"kind": kind, "name": ""}
    subject = f"{KINDS.get(item['kind'], item['kind'])} {item['name']}".strip()
    if kind in ("alias", "proposal"):
        return f"{actor} {_move(event, verb, subject)}"
    if event["version"] is not None:
        subject = f"{kind} {event['version']} of {subject}" if kind == "version" else f"{kind} of {subject}"
    details = "; ".join(_details(event["changes"])) if verb not in WHOLE else ""
    return f"{actor} {VERBS.get(verb, verb.replace('_', ' '))} {subject}" + (f": {details}" if details else "")


def _move(event: Mapping[str, Any], verb: str, subject: str) -> str:
    """Return what an event says about an alias: `moved production of model churn from version 2 to 3`."""
    if event["type"].startswith("proposal."):
        proposed: Mapping[str, Any] = next((new for _, new in event["changes"].values() if new), {})
        to = f"move {{}} to version {event['version']}" if event["version"] is not None else "remove {}"
        what = to.format(f"the alias {proposed.get('alias', '')} of {subject}")
        return f"{PROPOSED.get(verb, verb)} a proposal to {what}"
    old, new = event["changes"].get("aliases", ({}, {}))
    alias = next((name for name in {**old, **new} if old.get(name) != new.get(name)), "an alias")
    start = f" from version {old[alias]}" if alias in old else ""
    end = f" to version {new[alias]}" if alias in new else ""
    return f"{verb} the alias {alias} of {subject}{start}{end}"


def _details(changes: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    for field, (old, new) in changes.items():
        if field in UNSHOWN or old is None and new is None:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and "cut" not in {*old, *new}:
            parts = [f"without {_listed(old)}"] * bool(old) + [f"with {_listed(new)}"] * bool(new)
            yield f"{field} {', '.join(parts)}"
        else:
            yield f"{field} from {_value(old)} to {_value(new)}"


def _listed(elements: Mapping[str, Any]) -> str:
    """Return the elements of a list, in its order."""
    ordered = [elements[place] for place in sorted(elements, key=lambda place: int(place) if place.isdigit() else 0)]
    return _short(", ".join(map(_value, ordered)))


def _value(value: Any) -> str:
    if isinstance(value, dict) and "name" in value:
        return f"{value['name']} = {_value(value.get('value'))}"
    if isinstance(value, dict) and "cut" in value:
        return _value(f"{value['cut']}…")
    if value is None or value == "":
        return "nothing"
    return f"“{_short(value)}”" if isinstance(value, str) else _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def newest_of_item(tenant_id: str, pk: str) -> Sequence[dict[str, Any]]:
    """Return the newest events of an item, as the page shows them."""
    return _shown(Q(tenant_id=tenant_id, item_id=pk))


def newest_of_user(user: User) -> Sequence[dict[str, Any]]:
    """Return the newest events about a user, or by them, as the page shows them."""
    return _shown(Q(tenant_id=user.tenant_id, item_id=user.pk) | Q(tenant_id=user.tenant_id, actor_id=user.pk))


def _shown(condition: Q) -> Sequence[dict[str, Any]]:
    # MongoDB would sort all for a slice
    events = ordered_page(Event.objects.filter(condition).order_by("-timestamp", "-pk"), 0, NEWEST)
    documents = [event.to_api() for event in events]
    return [document | {"sentence": sentence(document)} for document in documents]
