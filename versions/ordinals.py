"""Ordinals of versions: which are free, and which is next. An ordinal is never given twice in an item."""

from itertools import count
from typing import Any

from django.db.models import Max, QuerySet

from tenants.exceptions import Refused
from versions.models import SpentOrdinal, Version

COUNTED = 10**15  # client-chosen ordinals below this influence the next one; all engines' integers reach further


def refuse_taken(*, tenant_id: str, subject: str, ordinal: str) -> None:
    """Raise Refused (`post_request_error`) if the subject has or had a version with that ordinal."""
    for model in (Version, SpentOrdinal):
        if model._default_manager.filter(tenant_id=tenant_id, subject=subject, ordinal=ordinal).exists():
            raise Refused("post_request_error", duplicated(ordinal))


def counted(ordinal: str) -> int | None:
    """Return the ordinal as a number if it influences the next one: only digits, and below COUNTED."""
    return int(ordinal) if ordinal.isascii() and ordinal.isdigit() and int(ordinal) < COUNTED else None


def next_number(tenant_id: str, subject: str) -> int:
    """Return the highest number that counts plus 1, or the first number after it that no version has or had.

    Numbers that are assigned here always count, so each taken ordinal is skipped only once.
    """
    versions = Version.objects.of(tenant_id).filter(subject=subject)
    spent = SpentOrdinal.objects.of(tenant_id).filter(subject=subject)
    number = 1 + max(_highest(versions), _highest(spent))
    if number < COUNTED and not versions.filter(ordinal=str(number)).exists():
        return number
    taken = {*versions.values_list("ordinal", flat=True), *spent.values_list("ordinal", flat=True)}
    return next(each for each in count(number) if str(each) not in taken)


def _highest(rows: QuerySet[Any]) -> int:
    within = rows.filter(number__lt=2 * COUNTED)  # older data can contain larger numbers
    return within.aggregate(highest=Max("number"))["highest"] or 0


def duplicated(ordinal: str) -> str:
    """Return the original system's message for a taken ordinal."""
    return f"Ordinal value duplicated: {ordinal} , Please choose another value or let default incremental choice"
