"""Column types that every engine stores and orders alike."""

import json
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

INT64 = range(-(2**63), 2**63)


def new_id() -> str:
    """Return a fresh identifier: the 24 lower-case hex characters of an ObjectId."""
    return str(ObjectId())


def now() -> datetime:
    """Return the time in UTC cut to milliseconds, the finest that all engines keep."""
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def iso(time: datetime | None) -> str | None:
    """Return `time` as ISO 8601 in UTC with milliseconds and `Z`, or None."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextField(models.CharField):  # type: ignore[type-arg]
    """Text ordered by code point on every engine (PostgreSQL would follow the database's locale)."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"
        return parameters


class KeyField(TextField):
    """A primary key of 24 hex characters, made here and not by the engine."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {"primary_key": True, "max_length": 24, "default": new_id, "db_column": "_id", "editable": False}
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for fixed in ("primary_key", "max_length", "default", "db_column", "editable"):
            kwargs.pop(fixed, None)
        return name, path, args, kwargs


class JSONDecoder(json.JSONDecoder):
    """Reads numbers beyond 64 bits as floats: PostgreSQL writes 1e22 with all its digits."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(parse_int=self.parse_number, **kwargs)

    @staticmethod
    def parse_number(digits: str) -> int | float:
        if len(digits) <= 20 and (number := int(digits)) in INT64:
            return number
        return float(digits)  # a float in a range is looked for one number after the other


DECODER = JSONDecoder()


def words_of(table: str) -> str:
    """Return the name of SQLite's index of a table's lists: which texts (`word`) each `list` of a `holder` has."""
    return f"{table}_words"


class ListField(models.JSONField):
    """A JSON array inside the row: native on MongoDB, jsonb on PostgreSQL, JSON text on SQLite.

    `words` says that a migration gave it an index of its texts on SQLite (see `tenants.rows.indexes.word_index`).
    """

    def __init__(self, *args: Any, words: bool = False, **kwargs: Any) -> None:
        self.words = words
        kwargs |= {"default": list, "blank": True, "decoder": JSONDecoder}
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return the list; Django would make a decoder for each, which takes longer than most lists."""
        return DECODER.decode(value) if isinstance(value, str) else value

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for fixed in ("default", "blank", "decoder"):
            kwargs.pop(fixed, None)
        return name, path, args, kwargs
