"""Aliases: a column with those of an item, and tables of their moves, of rules and of proposals."""

import django.db.models.deletion
from django.db import migrations, models

import tenants.rows.fields
from tenants.rows.indexes import word_index


class Migration(migrations.Migration):
    dependencies = [("catalog", "0007_values"), ("tenants", "0010_fences")]
    operations = [
        migrations.AddField("item", "aliases", tenants.rows.fields.ListField(editable=False)),
        word_index("catalog_item", "_id", ("tags", "users", "datasets")),  # SQLite rebuilt the table
        migrations.CreateModel(
            name="AliasMove",
            fields=[
                ("id", tenants.rows.fields.KeyField(serialize=False)),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="tenants.tenant")),
                ("subject", tenants.rows.fields.TextField(max_length=24)),
                ("alias", tenants.rows.fields.TextField(max_length=64)),
                ("number", models.PositiveIntegerField()),
                ("before", tenants.rows.fields.TextField(max_length=64, null=True)),
                ("ordinal", tenants.rows.fields.TextField(max_length=64, null=True)),
                ("version", tenants.rows.fields.TextField(max_length=24, null=True)),
                ("sha256", tenants.rows.fields.TextField(max_length=64, null=True)),
                ("actor_id", tenants.rows.fields.TextField(max_length=24)),
                ("actor_name", tenants.rows.fields.TextField(max_length=150)),
                ("reason", models.TextField(blank=True)),
                ("proposal", tenants.rows.fields.TextField(max_length=24, null=True)),
                ("timestamp", models.DateTimeField()),
                ("until", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("subject", "alias", "number"), name="moves_in_order")],
                "indexes": [
                    models.Index(fields=["tenant", "alias", "subject", "timestamp"], name="moves_by_time"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProtectionRule",
            fields=[
                ("id", tenants.rows.fields.KeyField(serialize=False)),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="tenants.tenant")),
                ("name", tenants.rows.fields.TextField(max_length=255)),
                ("pattern", tenants.rows.fields.TextField(max_length=64)),
                ("kinds", tenants.rows.fields.ListField()),
                ("tags", tenants.rows.fields.ListField()),
                ("roles", tenants.rows.fields.ListField()),
                ("users", tenants.rows.fields.ListField()),
                ("condition", models.TextField(blank=True)),
                ("approvals", models.PositiveIntegerField(default=0)),
                ("timestamp", models.DateTimeField(default=tenants.rows.fields.now, editable=False)),
                ("lastmod", models.DateTimeField(default=tenants.rows.fields.now, editable=False)),
            ],
            options={"constraints": [models.UniqueConstraint(fields=("tenant", "name"), name="rule_name_in_tenant")]},
        ),
        migrations.CreateModel(
            name="Proposal",
            fields=[
                ("id", tenants.rows.fields.KeyField(serialize=False)),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="tenants.tenant")),
                ("subject", tenants.rows.fields.TextField(max_length=24)),
                ("alias", tenants.rows.fields.TextField(max_length=64)),
                ("ordinal", tenants.rows.fields.TextField(max_length=64, null=True)),
                ("version", tenants.rows.fields.TextField(max_length=24, null=True)),
                ("sha256", tenants.rows.fields.TextField(max_length=64, null=True)),
                ("reason", models.TextField(blank=True)),
                ("status", tenants.rows.fields.TextField(default="open", max_length=16)),
                ("author_id", tenants.rows.fields.TextField(max_length=24)),
                ("author_name", tenants.rows.fields.TextField(max_length=150)),
                ("decisions", tenants.rows.fields.ListField()),
                ("revision", models.PositiveIntegerField(default=0)),
                ("timestamp", models.DateTimeField(default=tenants.rows.fields.now, editable=False)),
                ("lastmod", models.DateTimeField(default=tenants.rows.fields.now, editable=False)),
            ],
            options={
                "indexes": [models.Index(fields=["subject", "alias", "-timestamp", "-id"], name="proposals_newest")]
            },
        ),
    ]
