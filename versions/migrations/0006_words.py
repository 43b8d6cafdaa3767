"""Versions have tags and metadata, indexed by PostgreSQL and MongoDB."""

from django.db import migrations

from tenants.rows.fields import ListField
from tenants.rows.indexes import engine_indexes


class Migration(migrations.Migration):
    dependencies = [("versions", "0005_upload_sessions")]
    operations = [
        migrations.AddField("version", "tags", ListField()),
        migrations.AddField("version", "metadata", ListField()),
        engine_indexes(
            "versions_version",
            mongodb={
                "tags_of_versions": [("tags", 1), ("tenant_id", 1)],
                "metadata_of_versions": [("metadata.name", 1), ("metadata.value", 1), ("tenant_id", 1)],
            },
            postgresql={
                f"versions_{column}_gin": f"USING gin ({column} jsonb_path_ops)" for column in ("tags", "metadata")
            },
        ),
    ]
