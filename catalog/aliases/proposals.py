"""Writes: proposals to move an alias, and the decisions about them."""

from collections.abc import Sequence

from catalog.aliases.models import Proposal, ProtectionRule
from catalog.aliases.pointers import unfit_alias
from catalog.aliases.protection import lets, refuse_unmet, rules_for
from catalog.aliases.services import version_to_point_at, write_move
from catalog.checks import current_item
from catalog.models import Item
from tenants.exceptions import Refused
from tenants.ledger import record
from tenants.models import User
from tenants.rest.permissions import refusal
from tenants.rows.fences import reference_guard
from tenants.rows.fields import iso, now
from tenants.rows.texts import refuse
from tenants.rows.transactions import Conflict, retried
from versions.models import Version

CREATION = "post_request_error"
MOST_OPEN = 100  # open proposals of an item
MOST_DECISIONS = 100  # of a proposal


@retried
def propose_move(*, item: Item, alias: str, version: str | None, by: User, reason: str = "") -> Proposal:
    """Propose to move an alias to the version that a URL would name so, or with None to remove it.

    It moves at once if the rules need no approval of others. Raises Refused: `post_request_error` for an invalid alias,
    an unknown version or one that does not meet a rule, `restricted_access_create` if `by` may neither change the item
    nor move the alias.
    """
    refuse([alias], unfit_alias, CREATION)
    with reference_guard(item.tenant_id, by):
        item = current_item(item)
        rules = rules_for(item, alias)
        if not (item.is_changeable_by(by) or any(lets(rule, by, item) for rule in rules)):
            raise refusal("POST", f"Moves of {alias} are proposed by those who may change the {item.kind} or move it")
        to = None if version is None else version_to_point_at(item, version, CREATION)
        for rule in rules:
            refuse_unmet(rule, to, CREATION)
        if Proposal.objects.of(item.tenant_id).filter(subject=item.pk, status="open").count() >= MOST_OPEN:
            raise Refused(CREATION, f"This {item.kind} has {MOST_OPEN} open proposals: decide about them first")
        proposal = Proposal(tenant_id=item.tenant_id, subject=item.pk, alias=alias, reason=reason)
        proposal.author_id, proposal.author_name = by.pk, by.username
        if to:
            proposal.ordinal, proposal.version, proposal.sha256 = to.ordinal, to.pk, to.sha256
        proposal.save(force_insert=True)
        _record(item, proposal, "created", by, reason)
        if _is_accepted(rules, proposal, item):
            _move(item, proposal, to, by)
    return proposal


@retried
def decide(*, item: Item, proposal: Proposal, verb: str, by: User, reason: str = "") -> Proposal:
    """Approve, reject or withdraw an open proposal; it moves when every rule has the approvals that it needs.

    Raises Refused: `restricted_access_create` if `by` may not decide so, `post_request_error` if the proposal is no
    longer open, or if the version is gone or does not meet a rule when it would move.
    """
    with reference_guard(item.tenant_id, by):
        item = current_item(item)
        current = Proposal.objects.of(item.tenant_id).filter(pk=proposal.pk, subject=item.pk).first()
        if current is None or current.status != "open":
            raise Refused(CREATION, f"The proposal is {current.status if current else 'no longer there'}")
        rules = rules_for(item, current.alias)
        DECIDERS[verb](current, item, rules, by)
        others = [each for each in current.decisions if each["user"]["_id"] != by.pk]
        decision = {"user": by.to_reference(), "decision": STATUSES[verb], "reason": reason, "timestamp": iso(now())}
        current.decisions = [*others, decision]
        if len(current.decisions) > MOST_DECISIONS:
            raise Refused(CREATION, f"A proposal has at most {MOST_DECISIONS} decisions")
        current.status = "open" if verb == "approve" else STATUSES[verb]
        _write(current)
        _record(item, current, STATUSES[verb], by, reason)
        if verb == "approve" and _is_accepted(rules, current, item):
            _move(item, current, _version_to_move_to(current), by)
    return current


def _may_approve(proposal: Proposal, item: Item, rules: Sequence[ProtectionRule], by: User) -> None:
    if by.pk == proposal.author_id:
        raise refusal("POST", "Proposals are approved by others than their author")
    if by.timestamp > proposal.timestamp:
        raise refusal("POST", "Proposals are approved by users who existed before them")
    _may_reject(proposal, item, rules, by)


def _may_reject(proposal: Proposal, item: Item, rules: Sequence[ProtectionRule], by: User) -> None:
    if not any(lets(rule, by, item) for rule in rules):
        names = ", ".join(rule.name for rule in rules if rule.name)
        raise refusal("POST", f"The rule {names} does not let you decide" if names else "You cannot decide")


def _may_withdraw(proposal: Proposal, item: Item, rules: Sequence[ProtectionRule], by: User) -> None:
    if not (by.pk == proposal.author_id or by.is_admin):
        raise refusal("POST", "Proposals are withdrawn by their author")


DECIDERS = {"approve": _may_approve, "reject": _may_reject, "withdraw": _may_withdraw}
STATUSES = {"approve": "approved", "reject": "rejected", "withdraw": "withdrawn"}


def _is_accepted(rules: Sequence[ProtectionRule], proposal: Proposal, item: Item) -> bool:
    """Return whether every rule has enough approvals of users whom it lets move the alias now.

    If it does not let the author move it, it needs one at least. Deleted users count no more.
    """
    approved = {each["user"]["_id"] for each in proposal.decisions if each["decision"] == "approved"}
    known = {*approved, proposal.author_id}
    users = {user.pk: user for user in User.objects.filter(pk__in=known, leaving=None)}
    author = users.pop(proposal.author_id, None)
    for rule in rules:
        given = sum(lets(rule, user, item) for user in users.values())
        own = author is not None and lets(rule, author, item)
        if given < max(rule.approvals, 0 if own else 1):
            return False
    return True


def _version_to_move_to(proposal: Proposal) -> Version | None:
    """Return the very version that was proposed, whatever has its ordinal now. Raises Refused if it is gone."""
    if proposal.version is None:
        return None
    version = Version.objects.of(proposal.tenant_id).filter(pk=proposal.version, subject=proposal.subject).first()
    if version is None:
        raise Refused(CREATION, f"Version {proposal.ordinal} was deleted: withdraw the proposal")
    return version


def _move(item: Item, proposal: Proposal, to: Version | None, by: User) -> None:
    for rule in rules_for(item, proposal.alias):
        refuse_unmet(rule, to, CREATION)
    if to or proposal.alias in item.aliased:
        write_move(item, proposal.alias, to, by=by, reason=proposal.reason, proposal=proposal.pk)
    proposal.status = "moved"
    _write(proposal)


def _write(proposal: Proposal) -> None:
    """Write the decisions if the revision is still the one that was read. Raises Conflict if it is newer."""
    proposal.lastmod = now()
    read = Proposal.objects.of(proposal.tenant_id).filter(pk=proposal.pk, revision=proposal.revision)
    proposal.revision += 1
    fields = ("decisions", "status", "lastmod", "revision")
    if not read.update(**{field: getattr(proposal, field) for field in fields}):
        raise Conflict(f"{proposal.pk} was changed meanwhile")


def _record(item: Item, proposal: Proposal, verb: str, by: User, reason: str) -> None:
    """Write the event of a proposal, about its item. The move has an event of its own."""
    proposed = {f"proposals.{proposal.pk}": [None, {"alias": proposal.alias, "version": proposal.ordinal}]}
    tenant, version = proposal.tenant_id, proposal.ordinal
    record(
        tenant=tenant, type=f"proposal.{verb}", actor=by, item=item, version=version, changes=proposed, reason=reason
    )
