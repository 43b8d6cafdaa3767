"""The newest versions of several subjects and the number of versions of each, in at most three queries."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count
from django_mongodb_backend.queryset import RawQuerySet

from tenants.rows.prepared import Prepared
from versions.models import Version

EMBEDDED = 100  # versions in the document of a subject
TABLE = Version._meta.db_table
ORDER = "timestamp DESC, _id DESC"

# Fetches one row more than the limit, so the row count shows whether these are all versions.
some_versions = Prepared(lambda subjects: Version.objects.filter(subject__in=subjects)[: len(subjects) * EMBEDDED + 1])

counts_of: Prepared[Version] = Prepared(
    lambda subjects: (
        Version.objects.filter(subject__in=subjects)
        .order_by()
        .values("subject")
        .annotate(count=Count("pk"))
        .values_list("subject", "count")
    )
)


@dataclass(frozen=True)
class Embedded:
    """What a subject's document shows of its versions: the newest EMBEDDED, oldest first, and the total count.

    The versions are instances, or named tuples of all columns.
    """

    newest: Sequence[Any] = ()
    count: int = 0


NONE = Embedded()


def embedded_versions(subjects: Sequence[str]) -> Mapping[str, Embedded]:
    """Return the embedded versions by subject; a subject without versions is absent.

    Takes one query if the subjects have few versions, three if they have many.
    """
    rows = some_versions.records(subjects)
    if len(rows) <= len(subjects) * EMBEDDED:
        return {
            subject: Embedded(_in_order(versions)[-EMBEDDED:], len(versions))
            for subject, versions in _by_subject(rows).items()
        }
    newest = _by_subject(NEWEST[connection.vendor](subjects))
    counts = count_versions(subjects)
    return {subject: Embedded(_in_order(versions), counts[subject]) for subject, versions in newest.items()}


def count_versions(subjects: Sequence[str]) -> Mapping[str, int]:
    """Return the number of versions by subject, in one query."""
    return defaultdict(int, map(tuple, counts_of.rows(subjects)))


def _by_subject(rows: Iterable[Any]) -> Mapping[str, list[Any]]:
    found = defaultdict(list)
    for version in rows:
        found[version.subject].append(version)
    return found


def _in_order(versions: list[Any]) -> list[Any]:
    return sorted(versions, key=lambda version: (version.timestamp, version.id))


def _on_sqlite(subjects: Sequence[str]) -> Iterable[Version]:
    values = ", ".join(["(%s)"] * len(subjects))
    return Version.objects.raw(
        f"WITH each(key) AS (VALUES {values}) SELECT version.* FROM each CROSS JOIN {TABLE} AS version "
        f"ON version._id IN (SELECT _id FROM {TABLE} WHERE subject = each.key ORDER BY {ORDER} LIMIT {EMBEDDED})",
        list(subjects),
    )


def _on_postgresql(subjects: Sequence[str]) -> Iterable[Version]:
    return Version.objects.raw(
        "SELECT version.* FROM unnest(%s::text[]) AS each(key) CROSS JOIN LATERAL "
        f"(SELECT * FROM {TABLE} WHERE subject = each.key ORDER BY {ORDER} LIMIT {EMBEDDED}) AS version",
        [list(subjects)],
    )


def _on_mongodb(subjects: Sequence[str]) -> Iterable[Version]:
    newest: list[dict[str, Any]] = [{"$sort": {"timestamp": -1, "_id": -1}}, {"$limit": EMBEDDED}]
    of_each = {"from": TABLE, "localField": "_id", "foreignField": "subject", "pipeline": newest, "as": "version"}
    pipeline = [
        {"$match": {"subject": {"$in": list(subjects)}}},
        {"$group": {"_id": "$subject"}},
        {"$lookup": of_each},
        {"$unwind": "$version"},
        {"$replaceRoot": {"newRoot": "$version"}},
    ]
    rows: Iterable[Version] = RawQuerySet(pipeline, model=Version, using=connection.alias)
    return rows


NEWEST: dict[str, Callable[[Sequence[str]], Iterable[Version]]] = {
    "sqlite": _on_sqlite,
    "postgresql": _on_postgresql,
    "mongodb": _on_mongodb,
}
