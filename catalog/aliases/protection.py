"""Rules that protect aliases: which of them apply, whom they let move an alias, and to which versions.

Rules are changed under the removal guard and read under the reference guard, so a move sees all rules that were
committed before it, and no rule changes while it runs.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from catalog.aliases.models import ProtectionRule
from catalog.models import Item
from catalog.query_fields import VERSION_FIELDS
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rest.permissions import refusal
from tenants.rest.querying.compile import to_q
from tenants.rest.querying.fields import field_table
from tenants.rest.querying.parse import parse
from tenants.rest.querying.words import in_current_words
from versions.models import Version

CHANGE = "put_request_error"
CONDITION_FIELDS = {"description": "text"} | VERSION_FIELDS
UNPROTECTED = ProtectionRule(pattern="*")  # what applies to an alias that no rule covers


def covers(rule: ProtectionRule, kind: str, tags: Iterable[str]) -> bool:
    """Return whether a rule applies to items of the kind with these tags."""
    return (not rule.kinds or kind in rule.kinds) and (not rule.tags or not set(rule.tags).isdisjoint(tags))


def rules_for(item: Item, alias: str) -> Sequence[ProtectionRule]:
    """Return the one or more rules of an alias of the item; all of them must be met."""
    rules = ProtectionRule.objects.of(item.tenant_id).order_by("name")
    found = [rule for rule in rules if covers(rule, item.kind, item.tags) and fnmatchcase(alias, rule.pattern)]
    return found or [UNPROTECTED]


def lets(rule: ProtectionRule, user: User, item: Item) -> bool:
    """Return whether the rule lets the user move an alias of the item, or approve a move."""
    if rule.roles or rule.users:
        return user.role in rule.roles or user.pk in rule.users
    return item.is_changeable_by(user)


def meets(rule: ProtectionRule, version: Version) -> bool:
    """Return whether the version meets the rule's condition."""
    if not rule.condition:
        return True
    tree = in_current_words(parse(rule.condition, field_table(CONDITION_FIELDS)), version.tenant_id)
    condition = to_q(tree, version.tenant_id)
    return Version.objects.of(version.tenant_id).filter(condition, pk=version.pk).exists()


def refuse_protected(item: Item, alias: str, to: Version | None, by: User) -> None:
    """Raise Refused unless the rules let the user move the alias to the version without approvals.

    Raises `restricted_access_modify` for the user, and `put_request_error` for the version.
    """
    for rule in rules_for(item, alias):
        if not lets(rule, by, item):
            raise _restricted(rule, item, f"does not let you move the alias {alias}")
        if rule.approvals:
            raise _restricted(rule, item, f"needs {_approvals(rule.approvals)} to move the alias {alias}: propose it")
        refuse_unmet(rule, to)


def refuse_unmet(rule: ProtectionRule, to: Version | None, error: str = CHANGE) -> None:
    """Raise Refused with that error if the version does not meet the rule's condition."""
    if to is not None and not meets(rule, to):
        raise Refused(error, f"Version {to.ordinal} does not meet the rule {rule.name}: {rule.condition}")


def refuse_unprotecting(item: Item, by: User, *, name: str, tags: Iterable[str]) -> None:
    """Raise Refused if a change of the item, which had that name and these tags, would get round a rule.

    A rule that covers items by their tags does not cover a new item with the old name. Only administrators may do it.
    """
    for rule in _rules_against(by, item):
        if not rule.tags or not covers(rule, item.kind, tags):
            continue
        if not covers(rule, item.kind, item.tags):
            raise refusal("PUT", f"The rule {rule.name} covers this {item.kind}: only administrators remove its tags")
        if item.name != name:
            raise refusal("PUT", f"The rule {rule.name} covers this {item.kind}: only administrators rename it")


def refuse_protected_deletion(item: Item, by: User) -> None:
    """Raise Refused if the deletion of the item would get round a rule, which only administrators may do."""
    for rule in _rules_against(by, item):
        has_alias = any(fnmatchcase(alias, rule.pattern) for alias in item.aliased)
        if covers(rule, item.kind, item.tags) and (rule.tags or has_alias):
            raise refusal("DELETE", f"The rule {rule.name} covers this {item.kind}: only administrators delete it")


def _rules_against(by: User, item: Item) -> Iterable[ProtectionRule]:
    return () if by.is_admin else ProtectionRule.objects.of(item.tenant_id).order_by("name")


def _restricted(rule: ProtectionRule, item: Item, what: str) -> Refused:
    if rule is UNPROTECTED:
        return refusal("PUT", f"The aliases of this {item.kind} are moved only by its owner and administrators")
    return refusal("PUT", f"The rule {rule.name} {what}")


def _approvals(number: int) -> str:
    return "an approval" if number == 1 else f"{number} approvals"
