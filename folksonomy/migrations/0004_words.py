"""Descriptions and synonyms of words."""

from django.db import migrations, models

import tenants.rows.fields
from tenants.rows.indexes import engine_indexes


class Migration(migrations.Migration):
    dependencies = [
        ("folksonomy", "0003_direction"),
    ]

    operations = [
        migrations.AddField(
            model_name="metadataname",
            name="description",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="tag",
            name="description",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.CreateModel(
            name="Synonym",
            fields=[
                ("id", tenants.rows.fields.KeyField(serialize=False)),
                ("tenant_id", tenants.rows.fields.TextField(max_length=64)),
                ("kind", tenants.rows.fields.TextField(max_length=16)),
                ("name", tenants.rows.fields.TextField(max_length=255)),
                ("word", tenants.rows.fields.TextField(max_length=255)),
            ],
            options={
                "indexes": [models.Index(fields=["tenant_id", "kind", "word", "name"], name="synonyms_of_word")],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant_id", "kind", "name"), name="synonym_in_tenant")
                ],
            },
        ),
        engine_indexes("folksonomy_synonym", mongodb={"name_read": [("tenant_id", 1), ("kind", 1), ("name", 1)]}),
    ]
