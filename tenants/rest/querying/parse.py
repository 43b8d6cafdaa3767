"""Parses a filter into a tree. Anything unknown is an error that names it; nothing is ignored."""

from collections.abc import Callable, Mapping
from typing import Any as Anything
from typing import TypeAlias

from tenants.rest.querying import patterns
from tenants.rest.querying.fields import FieldTable, query_error
from tenants.rest.querying.operands import Target, operand_of, read_json, target_of, text_of
from tenants.rest.querying.tree import ALWAYS, NEVER, All, Any, Compare, Node, Not, Size, Some, Whole

CONDITIONS = 100
LEVELS = 10
VALUES = 1000
LARGEST_SIZE = 2**31 - 1  # every engine can compare it, and no list is that long
CONNECTIVES = ("$and", "$or", "$nor")


def parse(text: str, fields: FieldTable) -> Node:
    """Return the tree of a filter over these fields. An empty text matches everything."""
    if not text.strip():
        return ALWAYS
    value = read_json(text, "filter")
    reader = Reader()
    if isinstance(value, list):
        return reader.connective("$or", value, fields, 1)
    if not isinstance(value, dict):
        raise query_error("filter is not a JSON object or list")
    return reader.document(value, fields, 1)


class Reader:
    """Parses one filter and counts its conditions and the values in its lists."""

    def __init__(self) -> None:
        self.conditions = self.values = 0

    def document(self, value: Mapping[str, Anything], fields: FieldTable, level: int, prefix: str = "") -> Node:
        """Return the conjunction of the conditions of a JSON object."""
        self.enter(level)
        if not value:
            self.count()
        parts: list[Node] = []
        for name, operand in value.items():
            if name in CONNECTIVES:
                parts.append(self.connective(name, operand, fields, level, prefix))
            elif name == "$not":
                parts.append(Not(self.document(_object(name, operand), fields, level + 1, prefix)))
            elif name.startswith("$"):
                raise query_error(f"Unknown operator {name[:100]}")
            else:
                parts.append(self.condition(target_of(prefix + name, fields), operand, level))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def connective(self, name: str, operand: Anything, fields: FieldTable, level: int, prefix: str = "") -> Node:
        """Return the conjunction, disjunction or its negation over a list of JSON objects."""
        if not isinstance(operand, list) or not operand:
            raise query_error(f"{name} takes a list of conditions")
        parts = tuple(self.document(_object(name, part), fields, level + 1, prefix) for part in operand)
        if name == "$and":
            return All(parts)
        return Any(parts) if name == "$or" else Not(Any(parts))

    def condition(self, target: Target, value: Anything, level: int) -> Node:
        """Return the condition on a field: equality with a value, or a JSON object of operators."""
        if isinstance(value, dict) and any(name.startswith("$") for name in value):
            return self.operators(target, value, level)
        return self.equal(target, value, level)

    def operators(self, target: Target, value: Mapping[str, Anything], level: int) -> Node:
        """Return the conjunction of the operators. On a list, each may be satisfied by a different element."""
        self.enter(level)
        if "$options" in value and "$regex" not in value:
            raise query_error(f"{target.name}: $options without $regex")
        if not value:
            raise query_error(f"{target.name}: no operator")
        parts: list[Node] = []
        for name, operand in value.items():
            if name == "$regex":
                parts.append(self.regex(target, operand, value.get("$options", "")))
            elif name != "$options":
                parts.append(self.operator(name)(self, target, operand, level))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def operator(self, name: str) -> "Operator":
        if name not in OPERATORS:
            raise query_error(f"Unknown operator {name[:100]}")
        return OPERATORS[name]

    @staticmethod
    def enter(level: int) -> None:
        if level > LEVELS:
            raise query_error(f"filter has more than {LEVELS} levels")

    def count(self) -> None:
        self.conditions += 1
        if self.conditions > CONDITIONS:
            raise query_error(f"filter has more than {CONDITIONS} conditions")

    def count_values(self, target: Target, values: list[Anything]) -> None:
        """Count the values of a list. The limit applies to all lists of a filter together."""
        self.values += len(values)
        if self.values > VALUES:
            raise query_error(f"{target.name}: the lists of a filter have at most {VALUES} values together")

    def equal(self, target: Target, operand: Anything, level: int) -> Node:
        self.count()
        if operand is None:
            return target.absent()
        if isinstance(operand, list) and target.whole and target.within and target.within.kind == "texts":
            self.count_values(target, operand)
            elements = tuple(str(operand_of(target.field, element)) for element in operand)
            return Whole(target.within, elements)
        if target.field.kind == "pairs":
            if not isinstance(operand, dict) or set(operand) != {"name", "value"}:
                raise query_error(f"{target.name} is compared with {{name, value}}")
            return target.some(
                *(Compare(member, "eq", operand_of(member, operand[member.path])) for member in target.field.members)
            )
        return target.some(Compare(target.field, "eq", operand_of(target.field, operand)))

    def different(self, target: Target, operand: Anything, level: int) -> Node:
        return Not(self.equal(target, operand, level))

    def ordered(self, name: str, target: Target, operand: Anything) -> Node:
        self.count()
        return target.some(Compare(target.field, name, operand_of(target.field, operand)))

    def among(self, target: Target, operand: Anything, level: int) -> Node:
        if not isinstance(operand, list):
            raise query_error(f"{target.name}: $in and $nin take a list")
        self.count_values(target, operand)
        if target.field.kind == "pairs":
            return Any(tuple(self.equal(target, choice, level) for choice in operand))
        self.count()
        choices = tuple(operand_of(target.field, choice) for choice in operand if choice is not None)
        present = target.some(Compare(target.field, "in", choices))
        return Any((target.absent(), present)) if None in operand else present

    def not_among(self, target: Target, operand: Anything, level: int) -> Node:
        return Not(self.among(target, operand, level))

    def regex(self, target: Target, operand: Anything, options: Anything) -> Node:
        self.count()
        if target.field.kind not in ("text", "any", "user"):
            raise query_error(f"{target.name}: $regex is for strings")
        if not isinstance(operand, str) or not isinstance(options, str):
            raise query_error(f"{target.name}: $regex and $options take a string")
        text_of(target.field, operand)
        try:
            return target.some(Compare(target.field, "regex", patterns.checked(operand, options)))
        except patterns.BadPattern as error:
            raise query_error(f"{target.name}: $regex {operand[: patterns.LONGEST]} is refused: {error}") from None

    def exists(self, target: Target, operand: Anything, level: int) -> Node:
        self.count()
        if operand not in (True, False) or target.bare:
            raise query_error(f"{target.name}: $exists takes true or false, and not inside $elemMatch")
        if target.whole or not (target.within or target.field.nullable):
            present: Node = ALWAYS
        else:
            present = target.some() if target.within else Not(target.absent())
        return present if operand else Not(present)

    def every(self, target: Target, operand: Anything, level: int) -> Node:
        if not isinstance(operand, list) or target.bare:
            raise query_error(f"{target.name}: $all takes a list, and not inside $elemMatch")
        self.enter(level + 1)
        self.count_values(target, operand)
        if not operand:
            self.count()
        return All(tuple(self.condition(target, element, level + 1) for element in operand)) if operand else NEVER

    def element(self, target: Target, operand: Anything, level: int) -> Node:
        conditions = _object("$elemMatch", operand)
        if not target.whole or not target.within:
            raise query_error(f"{target.name}: $elemMatch is for lists")
        if target.within.kind == "texts":
            return Some(target.within, self.operators(Target(target.field), conditions, level + 1))
        members = {member.name: member for member in target.within.members}
        return Some(target.within, self.document(conditions, members, level + 1, f"{target.name}."))

    def size(self, target: Target, operand: Anything, level: int) -> Node:
        self.count()
        if not target.whole or not target.within or target.within.kind == "rows":
            raise query_error(f"{target.name}: $size is for lists")
        if isinstance(operand, bool) or not isinstance(operand, int) or operand < 0:
            raise query_error(f"{target.name}: $size takes a number from 0")
        return Size(target.within, operand) if operand <= LARGEST_SIZE else NEVER

    def negation(self, target: Target, operand: Anything, level: int) -> Node:
        return Not(self.operators(target, _object("$not", operand), level + 1))


Operator: TypeAlias = Callable[[Reader, Target, Anything, int], Node]
OPERATORS: Mapping[str, Operator] = {
    "$eq": Reader.equal,
    "$ne": Reader.different,
    "$gt": lambda reader, target, operand, level: reader.ordered("gt", target, operand),
    "$gte": lambda reader, target, operand, level: reader.ordered("gte", target, operand),
    "$lt": lambda reader, target, operand, level: reader.ordered("lt", target, operand),
    "$lte": lambda reader, target, operand, level: reader.ordered("lte", target, operand),
    "$in": Reader.among,
    "$nin": Reader.not_among,
    "$exists": Reader.exists,
    "$all": Reader.every,
    "$elemMatch": Reader.element,
    "$size": Reader.size,
    "$not": Reader.negation,
}


def _object(name: str, value: Anything) -> dict[str, Anything]:
    if not isinstance(value, dict):
        raise query_error(f"{name} takes a JSON object")
    return value
