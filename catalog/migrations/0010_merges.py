"""What is kept of merges of words, so that they can be undone."""

from django.db import migrations, models

import tenants.rows.fields


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0009_views_and_names"),
    ]

    operations = [
        migrations.CreateModel(
            name="Merge",
            fields=[
                ("id", tenants.rows.fields.KeyField(serialize=False)),
                ("tenant_id", tenants.rows.fields.TextField(max_length=64)),
                ("kind", tenants.rows.fields.TextField(max_length=16)),
                ("word", tenants.rows.fields.TextField(max_length=255)),
                ("into", tenants.rows.fields.TextField(max_length=255)),
                ("state", models.TextField(default="{}")),
                ("items", models.PositiveIntegerField(default=0)),
                ("event", tenants.rows.fields.TextField(blank=True, max_length=24)),
                ("undone", tenants.rows.fields.TextField(blank=True, max_length=24)),
                ("timestamp", models.DateTimeField(default=tenants.rows.fields.now)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["tenant_id", "event"], name="merges_by_event"),
                    models.Index(fields=["timestamp"], name="merges_by_age"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Replacement",
            fields=[
                ("id", tenants.rows.fields.KeyField(serialize=False)),
                ("tenant_id", tenants.rows.fields.TextField(max_length=64)),
                ("merge", tenants.rows.fields.TextField(max_length=24)),
                ("item", tenants.rows.fields.TextField(max_length=24)),
                ("version", tenants.rows.fields.TextField(blank=True, max_length=24)),
                ("place", models.PositiveIntegerField()),
                ("both", models.BooleanField()),
                ("value", models.TextField()),
            ],
            options={
                "indexes": [models.Index(fields=["merge", "id"], name="replacements_of_merge")],
            },
        ),
    ]
