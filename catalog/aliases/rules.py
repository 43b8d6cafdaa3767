"""Writes: the rules that protect aliases."""

from collections.abc import Mapping
from typing import Any

import orjson

from catalog.aliases.models import ProtectionRule
from catalog.aliases.protection import CONDITION_FIELDS
from catalog.changes import unique, user_ids
from tenants.exceptions import Refused
from tenants.ledger import created, deleted, record
from tenants.models import User
from tenants.rest.querying.fields import field_table
from tenants.rest.querying.parse import parse
from tenants.rows.fences import removal_guard
from tenants.rows.fields import iso, now
from tenants.rows.texts import refuse, unfit_name
from tenants.rows.transactions import retried

MOST = 100  # rules of a tenant: each move reads all
LONGEST_CONDITION = 10_000  # characters
LISTS = ("kinds", "tags", "roles")
COLUMNS = ("name", "pattern", *LISTS, "users", "condition", "approvals")


@retried
def create_rule(*, by: User, fields: Mapping[str, Any]) -> ProtectionRule:
    """Create a rule. Raises Refused (`post_request_error`) for a taken name, unknown users or an invalid condition."""
    rule = ProtectionRule(tenant_id=by.tenant_id)
    with removal_guard(by.tenant_id or ""):
        _set(rule, fields, by, "post_request_error")
        if ProtectionRule.objects.of(by.tenant_id).count() >= MOST:
            raise Refused("post_request_error", f"A tenant has at most {MOST} rules")
        rule.lastmod = rule.timestamp = now()
        rule.save(force_insert=True)
        record(tenant=rule.tenant_id, type="protection.created", actor=by, item=rule, changes=created(_state(rule)))
    return rule


@retried
def change_rule(*, rule: ProtectionRule, by: User, fields: Mapping[str, Any]) -> ProtectionRule:
    """Change fields of a rule. Raises Refused (`put_request_error`) as `create_rule` does."""
    with removal_guard(rule.tenant_id):
        rule = _current(rule)
        before = _state(rule)
        _set(rule, fields, by, "put_request_error")
        rule.lastmod = now()
        rule.save(update_fields=[*COLUMNS, "lastmod"])
        changes = {field: [before[field], value] for field, value in _state(rule).items()}
        record(tenant=rule.tenant_id, type="protection.updated", actor=by, item=rule, changes=changes)
    return rule


@retried
def delete_rule(*, rule: ProtectionRule, by: User) -> None:
    """Delete a rule."""
    with removal_guard(rule.tenant_id):
        rule = _current(rule)
        record(tenant=rule.tenant_id, type="protection.deleted", actor=by, item=rule, changes=deleted(_state(rule)))
        ProtectionRule.objects.filter(pk=rule.pk).delete()


@retried
def rename_tag_in_rules(*, tenant_id: str, old: str, new: str, by: User | None, keep: bool) -> None:
    """Add a tag to the rules that name another one; without `keep`, in its place."""
    with removal_guard(tenant_id):
        for rule in ProtectionRule.objects.of(tenant_id).filter(tags__holds=old):
            _retag(rule, unique([*rule.tags, new]) if keep else [tag for tag in rule.tags if tag != old], by)


@retried
def restore_tag_in_rules(
    *, tenant_id: str, rules: Mapping[str, bool], tag: str, other: str, by: User | None, keep: bool
) -> None:
    """Undo `rename_tag_in_rules`: add a tag to these rules where they name the other one; without `keep`, in its place.

    `rules` maps the keys of rules to whether they name the other tag, too.
    """
    with removal_guard(tenant_id):
        for rule in ProtectionRule.objects.of(tenant_id).filter(pk__in=list(rules), tags__holds=other):
            if keep and tag not in rule.tags:
                _retag(rule, [*rule.tags, tag], by)
            elif not keep and tag in rule.tags and not rules[rule.pk]:
                _retag(rule, [each for each in rule.tags if each != other], by)


def _retag(rule: ProtectionRule, tags: list[str], by: User | None) -> None:
    ProtectionRule.objects.filter(pk=rule.pk).update(tags=tags)
    changes = {"tags": [rule.tags, tags]}
    record(tenant=rule.tenant_id, type="protection.updated", actor=by, item=rule, changes=changes)


def refuse_named(*, user: User) -> None:
    """Raise Refused (`delete_request_error`) if a rule names the user."""
    rule = ProtectionRule.objects.of(user.tenant_id).filter(users__holds=user.pk).first()
    if rule is not None:
        raise Refused("delete_request_error", f"The user is named by the rule {rule.name}")


def _current(rule: ProtectionRule) -> ProtectionRule:
    current = ProtectionRule.objects.of(rule.tenant_id).filter(pk=rule.pk).first()
    if current is None:
        raise Refused("resource_not_found", f"No such resource: {rule.pk}")
    return current


def _set(rule: ProtectionRule, fields: Mapping[str, Any], by: User, error: str) -> None:
    """Set the fields that a body has. Raises Refused with that error."""
    refuse([*fields.get("tags", ()), fields.get("name", rule.name)], unfit_name, error)
    for field in ("name", "approvals"):
        setattr(rule, field, fields.get(field, getattr(rule, field)))
    rule.pattern = fields.get("aliases", rule.pattern)
    for field in LISTS:
        setattr(rule, field, unique(fields.get(field, getattr(rule, field))))
    if "users" in fields:
        rule.users = user_ids(unique(fields["users"]), by=by, error=error)
    if "condition" in fields:
        rule.condition = _valid_condition(fields["condition"], error)
    others = ProtectionRule.objects.of(rule.tenant_id).filter(name=rule.name).exclude(pk=rule.pk)
    if others.exists():
        raise Refused(error, f"A rule with the same name already exists ({rule.name})")


def _valid_condition(condition: Any, error: str) -> str:
    """Return the condition as text. Raises Refused with that error if it is no filter of versions."""
    if not condition:
        return ""
    try:
        text = orjson.dumps(condition).decode()
        parse(text, field_table(CONDITION_FIELDS))
    except (Refused, TypeError) as refused:
        raise Refused(error, f"condition: {refused}") from None
    if len(text) > LONGEST_CONDITION:
        raise Refused(error, f"condition has at most {LONGEST_CONDITION} characters")
    return text


def _state(rule: ProtectionRule) -> dict[str, Any]:
    """Return what events tell about a rule."""
    return {column: getattr(rule, column) for column in COLUMNS} | {"lastmod": iso(rule.lastmod)}
