"""An index of tags, users and datasets on SQLite, which finds what few items have without reading them all."""

from django.db import migrations

from tenants.rows.indexes import word_index


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_admin_kinds")]
    operations = [word_index("catalog_item", "_id", ("tags", "users", "datasets"))]
