"""The page of an alias: where it points, its timeline and history, and proposals to move it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.urls import reverse

from catalog.aliases.models import AliasMove, Proposal
from catalog.aliases.protection import lets, rules_for
from catalog.models import Item
from tenants.models import User
from tenants.rows.fields import iso, now
from versions.models import Version

MOVES = 100  # shown of a history
LANES = 12  # versions in a timeline
CHOICES = 200  # versions to choose from
WIDTH = 1000  # of a timeline, in units of its picture
NARROWEST = 4  # a span that is shorter is drawn so wide


@dataclass(frozen=True)
class Span:
    """A time in which an alias pointed at one version, and its place in the picture."""

    x: float
    width: float
    label: str
    current: bool


def alias_context(view: Any, document: Mapping[str, Any], route: str, caller: User) -> dict[str, Any]:
    """Return the template context of an alias."""
    item, alias, kind = view.get_object(), view.kwargs["alias"], route.removesuffix("-aliases")
    moves = list(AliasMove.objects.of_alias(item.tenant_id, item.pk, alias).order_by("-number")[:MOVES])
    base = reverse(f"{kind}-aliases-detail", kwargs={"pk": item.pk, "alias": alias})
    return {
        "alias": alias,
        "pk": item.pk,
        "item": item,
        "kind": item.kind,
        "kind_route": kind,
        "now": moves[0] if moves else None,
        "is_past": bool(view.request.query_params.get("at")),
        "document": document,
        "address": base,
        "moves": moves,
        "lanes": timeline(moves),
        "started": iso(moves[-1].timestamp) if moves else "",
        "proposals": _proposals(item, alias, caller, base),
    } | moving(item, alias, caller, kind)


def moving(item: Item, alias: str, caller: User, kind: str) -> dict[str, Any]:
    """Return what the form that moves an alias needs: whether the caller may move or propose, and the versions."""
    rules = rules_for(item, alias)
    may = all(lets(rule, caller, item) for rule in rules)
    versions = Version.objects.of(item.tenant_id).filter(subject=item.pk).order_by("-timestamp", "-pk")[:CHOICES]
    return {
        "may_move": may and not any(rule.approvals for rule in rules),
        "may_propose": item.is_changeable_by(caller) or any(lets(rule, caller, item) for rule in rules),
        "rules": [rule for rule in rules if rule.name],
        "choices": [_choice(version) for version in versions],
    }


def _choice(version: Version) -> dict[str, Any]:
    """Return a version, and as JSON what the form compares of it."""
    compared = {
        "File": version.original,
        "Size": f"{version.size} bytes",
        "SHA-256": version.sha256,
        "Description": version.description,
        "Tags": ", ".join(version.tags),
    }
    metadata = {f"Metadata {pair['name']}": pair["value"] for pair in version.metadata}
    return {
        "ordinal": version.ordinal,
        "original": version.original,
        "compared": orjson.dumps(compared | metadata).decode(),
    }


def timeline(moves: Sequence[AliasMove]) -> Sequence[tuple[str, Sequence[Span]]]:
    """Return a lane for each of the latest versions that an alias pointed at, with the spans of time."""
    if not moves:
        return ()
    start, end = moves[-1].timestamp, now()
    seconds = max((end - start).total_seconds(), 1)
    lanes: dict[str, list[Span]] = {}
    for move in moves:
        if move.ordinal is None or (move.ordinal not in lanes and len(lanes) == LANES):
            continue
        x = WIDTH * (move.timestamp - start).total_seconds() / seconds
        width = max(WIDTH * ((move.until or end) - move.timestamp).total_seconds() / seconds, NARROWEST)
        x = min(x, WIDTH - width)
        lanes.setdefault(move.ordinal, []).append(Span(x, width, _label(move), move.until is None))
    return tuple(lanes.items())


def _label(move: AliasMove) -> str:
    until = f"to {_minute(move.until)}" if move.until else "until now"
    return f"Version {move.ordinal}: {_minute(move.timestamp)} {until}, by {move.actor_name}"


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _proposals(item: Item, alias: str, caller: User, base: str) -> Sequence[dict[str, Any]]:
    """Return the newest proposals of an alias, each with what the caller may do about it."""
    found = Proposal.objects.of(item.tenant_id).filter(subject=item.pk, alias=alias).order_by("-timestamp", "-pk")
    decides = any(lets(rule, caller, item) for rule in rules_for(item, alias))
    return [
        {
            "document": proposal.to_api(),
            "address": f"{base}/proposals/{proposal.pk}",
            "is_open": proposal.status == "open",
            "may_approve": decides and proposal.author_id != caller.pk,
            "may_reject": decides,
            "may_withdraw": caller.pk == proposal.author_id or caller.is_admin,
        }
        for proposal in found[:MOVES]
    ]


def item_aliases(item: Item, route: str) -> dict[str, Any]:
    """Return what the page of an item shows of its aliases: name, ordinal and URL of each, by ordinal too."""
    rows = [
        {"name": name, "ordinal": ordinal, "address": reverse(f"{route}-aliases-detail", args=(item.pk, name))}
        for name, ordinal in item.aliased.items()
    ]
    return {"aliases": rows, "aliases_route": reverse(f"{route}-aliases-list", args=(item.pk,))}
