"""Items have a description."""

from django.db import migrations

from tenants.rows.fields import LongTextField
from tenants.rows.indexes import word_index


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_names")]
    operations = [
        migrations.AddField("item", "description", LongTextField(blank=True, default="")),
        word_index("catalog_item", "_id", ("tags", "users", "datasets")),  # SQLite rebuilt the table
    ]
