"""Writes: aliases. A move, its entry in the history and the item's column are written in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from catalog.aliases.models import AliasMove, Proposal
from catalog.aliases.pointers import Pointer, move_at, unfit_alias, versions_named
from catalog.aliases.protection import refuse_protected
from catalog.checks import current_item
from catalog.models import Item
from tenants.exceptions import Refused
from tenants.ledger import record
from tenants.models import User
from tenants.rows.fences import reference_guard
from tenants.rows.fields import iso, now
from tenants.rows.texts import refuse, shown
from tenants.rows.transactions import Conflict, retried
from versions.models import Version

CHANGE, REMOVAL = "put_request_error", "delete_request_error"
MOST = 100  # aliases of an item
Precondition = Callable[[str | None], None]  # raises Refused if the alias must not be moved from that ordinal


def unconditional(ordinal: str | None) -> None:
    """Accept any present version."""


@retried
def move_alias(
    *,
    item: Item,
    alias: str,
    version: str,
    by: User,
    reason: str = "",
    precondition: Precondition = unconditional,
    imported: bool = False,
) -> AliasMove:
    """Point an alias at the version that a URL would name so, and return the move that made it point there.

    If it points there already, nothing changes. If it is `imported`, the item's `lastmod` stays. Raises Refused:
    `put_request_error` for an invalid alias, an unknown version or too many aliases, `restricted_access_modify` if
    `by` may not move it, and what `precondition` raises.
    """
    refuse([alias], unfit_alias, CHANGE)
    with reference_guard(item.tenant_id, by):
        item = current_item(item)
        to = version_to_point_at(item, version)
        refuse_protected(item, alias, to, by)
        precondition(item.aliased.get(alias))
        return write_move(item, alias, to, by=by, reason=reason, imported=imported)


@retried
def remove_alias(
    *, item: Item, alias: str, by: User, reason: str = "", precondition: Precondition = unconditional
) -> AliasMove:
    """Remove an alias and return the move that made it point where it did.

    Raises Refused: `resource_not_found` if there is none, otherwise as `move_alias` does.
    """
    with reference_guard(item.tenant_id, by):
        item = current_item(item)
        refuse_protected(item, alias, None, by)
        last = move_at(item, Pointer(alias, 0), None)
        if last is None or last.ordinal is None:
            raise Refused("resource_not_found", f"No such alias: {shown(alias)}")
        precondition(last.ordinal)
        write_move(item, alias, None, by=by, reason=reason)
    return last


def version_to_point_at(item: Item, version: str, error: str = CHANGE) -> Version:
    """Return the version that a URL would name so. Raises Refused with that error."""
    found = versions_named(item, version)
    if not found:
        raise Refused(error, f"Version not existent ({shown(version)})")
    return found[0]


def write_move(
    item: Item,
    alias: str,
    to: Version | None,
    *,
    by: User,
    reason: str,
    proposal: str | None = None,
    imported: bool = False,
) -> AliasMove:
    """Append a move to the chain of the alias, and set the item's column. Returns the last move if nothing changes."""
    last = move_at(item, Pointer(alias, 0), None)
    if last and to and last.version == to.pk:
        return last
    aliases = item.aliased
    move = AliasMove(tenant_id=item.tenant_id, subject=item.pk, alias=alias, before=aliases.pop(alias, None))
    move.number = last.number + 1 if last else 1
    move.timestamp = max(now(), last.timestamp) if last else now()  # clocks of several machines differ
    move.actor_id, move.actor_name, move.reason, move.proposal = by.pk, by.username, reason, proposal
    if to:
        move.ordinal, move.version, move.sha256 = to.ordinal, to.pk, to.sha256
        aliases[alias] = to.ordinal
    if len(aliases) > MOST:
        raise Refused(CHANGE, f"An item has at most {MOST} aliases")
    if last and not AliasMove.objects.filter(pk=last.pk, until=None).update(until=move.timestamp):
        raise Conflict(f"{alias} of {item.pk} was moved meanwhile")
    move.save(force_insert=True)
    _write_aliases(item, aliases, move, by, at=item.lastmod if imported else now())
    return move


def _write_aliases(item: Item, aliases: Mapping[str, str], move: AliasMove, by: User, *, at: datetime) -> None:
    """Write the column and the event. Raises Conflict if the revision is newer than the one that was read."""
    read = Item.objects.of(item.tenant_id).filter(pk=item.pk, revision=item.revision)
    before = {"aliases": item.aliased, "lastmod": iso(item.lastmod)}
    item.aliases = [{"name": name, "value": ordinal} for name, ordinal in sorted(aliases.items())]
    item.revision, item.lastmod = item.revision + 1, at
    if not read.update(aliases=item.aliases, lastmod=item.lastmod, revision=item.revision):
        raise Conflict(f"{item.pk} was changed meanwhile")
    after = {"aliases": item.aliased, "lastmod": iso(item.lastmod)}
    changes = {field: [before[field], value] for field, value in after.items() if value != before[field]}
    verb = "removed" if move.ordinal is None else "moved" if move.before else "set"
    record(
        tenant=item.tenant_id,
        type=f"alias.{verb}",
        actor=by,
        item=item,
        version=move.ordinal,
        changes=changes,
        reason=move.reason,
    )


def refuse_aliased(item: Item, version: Version) -> None:
    """Raise Refused (`delete_request_error`) if an alias points at the version."""
    names = [name for name, ordinal in item.aliased.items() if ordinal == version.ordinal]
    if names:
        raise Refused(REMOVAL, f"Version {version.ordinal} is {', '.join(names)}: move or remove the alias first")


def forget_aliases(*, tenant_id: str, subjects: Sequence[str]) -> None:
    """Delete the history of the aliases of deleted items, and the proposals."""
    for model in (AliasMove, Proposal):
        model._default_manager.filter(tenant_id=tenant_id, subject__in=subjects).delete()
