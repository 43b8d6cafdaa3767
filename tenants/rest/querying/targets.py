"""What the names in a filter stand for."""

from dataclasses import dataclass, replace

from tenants.rest.querying.fields import Field, FieldTable
from tenants.rest.querying.json_text import refused
from tenants.rest.querying.operands import text_of
from tenants.rest.querying.tree import NEVER, All, Compare, Node, Not, Some


@dataclass(frozen=True, slots=True)
class Target:
    """What a condition is about: a scalar field, or an element of a list.

    `within` is the list; `given` what must hold of the same element besides the condition. `whole` tells that the list
    itself was named, not a part of its elements.
    """

    field: Field
    within: Field | None = None
    given: tuple[Node, ...] = ()
    whole: bool = False

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def bare(self) -> bool:
        """Whether this is a text of a list, inside `$elemMatch`."""
        return not self.field.path and not self.within

    def some(self, *conditions: Node) -> Node:
        """Return that the conditions hold: of the scalar, or together of one element."""
        parts = (*self.given, *conditions)
        part = parts[0] if len(parts) == 1 else All(parts)
        return Some(self.within, part) if self.within else part

    def absent(self) -> Node:
        """Return that there is no such value."""
        if self.within:
            return NEVER if self.whole else Not(self.some())
        if not self.field.nullable:
            raise refused(f"{self.name} is never null")
        return Compare(self.field, "null")


def target_of(name: str, fields: FieldTable) -> Target:
    """Return what a name in a filter stands for; refuses unknown names."""
    field, (first, _, rest) = fields.get(name), name.partition(".")
    parent = fields.get(first)
    if field and field.kind == "texts":
        return Target(field.members[0], field, whole=True)
    if field and field.kind in ("pairs", "rows"):
        return Target(field, field, whole=True)
    if parent and parent.kind == "rows" and field:
        return Target(next(member for member in parent.members if member.name == name), parent)
    if field:
        return Target(field)
    if parent and parent.kind == "pairs" and rest:
        return _part(parent, rest)
    raise refused(f"Unknown field {name[:100]}")


def _part(pairs: Field, name: str) -> Target:
    """Return a column of the pairs, or the value of the pair so named."""
    key, value = pairs.members
    if member := pairs.member(name):
        return Target(member, pairs)
    given = Compare(key, "eq", text_of(pairs, name))
    return Target(replace(value, name=f"{pairs.name}.{name}"), pairs, (given,))
