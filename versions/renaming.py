"""Repairs stored ordinals and file names that break the rules for names, for migrations and restores."""

from django.db.models import Model

from tenants.identity.renaming import mend_column
from tenants.rows.texts import LONGEST_ORDINAL, mended_file_name, mended_ordinal


def mend_versions(versions: type[Model]) -> None:
    """Repair ordinals, each unique within its item, and file names."""
    mend_column(versions, "ordinal", mended_ordinal, within=("subject",), longest=LONGEST_ORDINAL, behind="-{}")
    mend_column(versions, "original", lambda text, pk: mended_file_name(text, "unnamed"))
