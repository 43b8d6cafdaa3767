"""Users in a filter: a field of the kind `user` holds ids, and a client may name a user by id or by username."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any as Anything

from tenants.models import User
from tenants.rest.querying.tree import All, Any, Compare, Node, Not

ID = re.compile(r"[0-9a-f]{24}")
COMPARED = ("eq", "in")


def with_user_ids(node: Node, tenant_id: str | None) -> Node:
    """Return the tree with ids of the tenant's users in place of their usernames: one query, none where all are ids.

    A name that the tenant does not have stays as it is, which equals no id.
    """
    names = {name for compare in _about_users(node) for name in _texts(compare.operand) if not ID.fullmatch(name)}
    if not names:
        return node
    found = User.objects.of(tenant_id or "").filter(username__in=names).values_list("username", "pk")
    return _replaced(node, dict(found))


def _about_users(node: Node) -> Iterator[Compare]:
    match node:
        case All(parts) | Any(parts):
            for part in parts:
                yield from _about_users(part)
        case Not(part):
            yield from _about_users(part)
        case Compare() if node.field.kind == "user" and node.operator in COMPARED:
            yield node


def _texts(operand: Anything) -> tuple[str, ...]:
    return operand if isinstance(operand, tuple) else (operand,)


def _replaced(node: Node, ids: Mapping[str, str]) -> Node:
    match node:
        case All(parts) | Any(parts):
            return type(node)(tuple(_replaced(part, ids) for part in parts))
        case Not(part):
            return Not(_replaced(part, ids))
        case Compare() if node.field.kind == "user" and node.operator in COMPARED:
            keys = tuple(ids.get(text, text) for text in _texts(node.operand))
            return replace(node, operand=keys if node.operator == "in" else keys[0])
    return node
