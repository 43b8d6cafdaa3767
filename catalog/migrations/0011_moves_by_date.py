"""MongoDB finds what had an alias at a time by the moves before or after it, in an index that has all it reads."""

from django.db import migrations

from tenants.rows.indexes import engine_indexes

COLUMNS = ("tenant_id", "alias", "timestamp", "subject", "before", "ordinal")


class Migration(migrations.Migration):
    dependencies = [("catalog", "0010_merges")]
    operations = [engine_indexes("catalog_aliasmove", mongodb={"moves_by_date": [(name, 1) for name in COLUMNS]})]
