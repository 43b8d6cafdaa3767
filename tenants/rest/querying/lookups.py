"""The conditions that Django has no lookup for, each written per engine.

On JSON arrays: `tags__holds="x"` (an element is x, or has the members of a dict), `metadata__any_element=<tree>` (one
element satisfies the tree), `tags__length=2`, `tags__is_list=("a", "b")` (exactly these elements). On text columns:
`name__matches=<Pattern>`.
Every value is a parameter; what is spliced into SQL are constants of this package.
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
from tenants.rest.querying.json_text import refused

MOST_IDS = 300_000  # MongoDB takes a query of 16 MiB
Write: TypeAlias = Callable[[str, Any], Any]


class EngineLookup(Lookup):
    """A lookup that the function of its name in the module `on_<engine>` writes."""

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
    """The array has an element that equals this scalar."""

    lookup_name = "holds"

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        """Take the few rows that hold a text from its index; of many, the newest are found sooner by looking at all.

        Of 100,000 items, ten of which hold it, they are found in a thousandth of the time.
        """
        field: Any = getattr(self.lhs, "target", None)
        if isinstance(self.rhs, str) and getattr(field, "words", False):
            key, _ = compiler.compile(Col(self.lhs.alias, field.model._meta.pk))
            few = on_sqlite.few_with_word(connection, key, field, self.rhs)
            if few is not None:
                return few
        return self.as_sql(compiler, connection)


class AnyElement(EngineLookup):
    """The array has an element that satisfies this tree."""

    lookup_name = "any_element"


class Length(EngineLookup):
    """The array has that many elements."""

    lookup_name = "length"


class IsList(EngineLookup):
    """The array has exactly these texts."""

    lookup_name = "is_list"


class Matches(EngineLookup):
    """The text has a match of this Pattern."""

    lookup_name = "matches"


def register() -> None:
    """Make the lookups known: the array ones on JSON fields, `matches` on every field."""
    for lookup in (Holds, AnyElement, Length, IsList):
        JSONField.register_lookup(lookup)
    for field in (Field, ForeignObject):
        field.register_lookup(Matches)


def prepare_connection(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Give a new connection of SQLite the function that matches regular expressions."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("re2_search", 3, patterns.search, deterministic=True)


def having_row(model: type[Model], column: str, condition: Q, tenant_id: str | None) -> Q:
    """Return that a row of `model` which satisfies the condition names this one in `column`.

    MongoDB would look the rows up for each document before it filters any, so there the ids are fetched first, from
    this tenant's rows.
    """
    rows = model._default_manager.filter(condition)
    using = router.db_for_read(model)
    if connections[using].vendor != "mongodb":
        return Q(Exists(rows.filter(**{column: OuterRef("pk")})))
    mine = rows.filter(tenant_id=tenant_id) if tenant_id is not None else rows
    found = list(mine.order_by().values_list(column, flat=True).distinct()[: MOST_IDS + 1])
    if len(found) > MOST_IDS:
        raise refused("The search finds too much, please narrow it")
    return Q(pk__in=found)
