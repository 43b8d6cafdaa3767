"""Indexes into the lists of an item: GIN on PostgreSQL, multikey on MongoDB (the list first, or its planner errs)."""

from django.db import migrations

from tenants.rows.indexes import engine_indexes

NEWEST = [("tenant_id", 1), ("kind", 1), ("timestamp", -1), ("_id", -1)]


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]
    operations = [
        engine_indexes(
            "catalog_item",
            mongodb={
                "name_read": [("tenant_id", 1), ("kind", 1), ("owner_id", 1), ("name", 1)],
                "readers_newest": [("readers", 1), *NEWEST],
                "tags_newest": [("tags", 1), *NEWEST],
                "users_newest": [("users", 1), *NEWEST],
                "datasets_newest": [("datasets", 1), *NEWEST],
                "metadata_values": [("metadata.name", 1), ("metadata.value", 1), *NEWEST],
            },
            postgresql={
                f"{column}_gin": f"USING gin ({column} jsonb_path_ops)"
                for column in ("readers", "tags", "users", "datasets", "metadata")
            },
        )
    ]
