"""MongoDB makes partial indexes of unique constraints, which reads cannot use."""

from django.db import migrations

from tenants.rows.indexes import engine_indexes

NAME = {"name_read": [("tenant_id", 1), ("name", 1)]}


class Migration(migrations.Migration):
    dependencies = [("folksonomy", "0001_initial")]
    operations = [
        engine_indexes("folksonomy_tag", mongodb=NAME),
        engine_indexes("folksonomy_metadataname", mongodb=NAME),
    ]
