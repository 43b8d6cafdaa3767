"""Lookups that Django lacks, implemented for each engine.

On JSON arrays: `tags__holds="x"` (an element equals x, or has the members of a dict), `metadata__any_element=<tree>`
(one element satisfies the tree), `tags__length=2`, `tags__is_list=("a", "b")` (exactly these elements). On text
columns: `name__matches=<Pattern>`. Values are always parameters; only constants of this package become part of the SQL.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    Exists,
    Field,
    ForeignObject,
    JSONField,
    Lookup,
    Model,
    OuterRef,
    Q,
)
from django.db.models.expressions import Col
from django.utils.module_loading import import_string

from tenants.rest.querying import on_sqlite, patterns
from tenants.rest.querying.fields import query_error
from tenants.rows.plans import is_mark

MOST_IDS = 300_000  # they fit into a query of 16 MiB, the largest that MongoDB accepts
Write: TypeAlias = Callable[[str, Any], Any]


class EngineLookup(Lookup):
    """A lookup implemented by the function of the same name in the module `on_<engine>`."""

    prepare_rhs = False

    def writer(self, connection: BaseDatabaseWrapper) -> Write:
        write: Write = import_string(f"{__package__}.on_{connection.vendor}.{self.lookup_name}")
        return write

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        column, parameters = self.process_lhs(compiler, connection)
        sql, more = self.writer(connection)(column, self.rhs)
        return sql, [*parameters, *more]

    @property
    def can_use_path(self) -> bool:
        return bool(getattr(self.lhs, "is_simple_column", False))

    def as_mql_path(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        return self.writer(connection)(self.lhs.as_mql(compiler, connection), self.rhs)


class Holds(EngineLookup):
    """The array has an element that equals this scalar or has these members."""

    lookup_name = "holds"

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        """Use the index of words if few rows have the word. If many have it, a scan finds the newest ones sooner.

        Among 100,000 items, the index finds ten in a thousandth of the time. A prepared query has chosen before (see
        `compile.resolved`).
        """
        is_word = isinstance(self.rhs, str) and not is_mark(self.rhs)
        if is_word and on_sqlite.is_rare(connection, getattr(self.lhs, "target", None), self.rhs):
            return self.by_index(compiler)
        return self.as_sql(compiler, connection)

    def by_index(self, compiler: Any) -> Any:
        field: Any = self.lhs.target
        key, _ = compiler.compile(Col(self.lhs.alias, field.model._meta.pk))
        return on_sqlite.by_word(key, field, self.rhs)


class HoldsRare(Holds):
    """The array has an element that equals this word, which few rows have; only on SQLite."""

    lookup_name = "holds_rare"

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        return self.by_index(compiler)


class AnyElement(EngineLookup):
    """The array has an element that satisfies this tree."""

    lookup_name = "any_element"


class Length(EngineLookup):
    """The array has this number of elements."""

    lookup_name = "length"


class IsList(EngineLookup):
    """The array has exactly these texts."""

    lookup_name = "is_list"


class Matches(EngineLookup):
    """The text contains a match of this Pattern."""

    lookup_name = "matches"


def register() -> None:
    """Register the lookups: those on arrays for JSON fields, `matches` for every field."""
    for lookup in (Holds, HoldsRare, AnyElement, Length, IsList):
        JSONField.register_lookup(lookup)
    for field in (Field, ForeignObject):
        field.register_lookup(Matches)


def prepare_connection(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Add the function that matches regular expressions to a new SQLite connection."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("re2_search", 3, patterns.search, deterministic=True)


def having_row(model: type[Model], column: str, condition: Q, tenant_id: str | None) -> Q:
    """Return the condition that some row of `model` satisfies the condition and refers to this row in `column`.

    On MongoDB the ids are fetched first, from this tenant's rows, because a lookup would run for every document.
    """
    rows = model._default_manager.filter(condition)
    using = router.db_for_read(model)
    if connections[using].vendor != "mongodb":
        return Q(Exists(rows.filter(**{column: OuterRef("pk")})))
    return Q(pk__in=ids_having_row(model, column, condition, tenant_id))


def ids_having_row(model: type[Model], column: str, condition: Q, tenant_id: str | None) -> list[Any]:
    """Return what the rows of this tenant that satisfy the condition have in `column`. Rejects a condition of many."""
    rows = model._default_manager.filter(condition)
    mine = rows.filter(tenant_id=tenant_id) if tenant_id is not None else rows
    found = list(mine.order_by().values_list(column, flat=True).distinct()[: MOST_IDS + 1])
    if len(found) > MOST_IDS:
        raise query_error("The search finds too much, please narrow it")
    return found
