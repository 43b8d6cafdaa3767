"""Saved views: searches of lists under a name; former names of items."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import tenants.rows.fields


class Migration(migrations.Migration):
    dependencies = [("catalog", "0008_aliases"), ("tenants", "0012_machine_tokens")]
    operations = [
        migrations.CreateModel(
            name="FormerName",
            fields=[
                ("id", tenants.rows.fields.KeyField(serialize=False)),
                ("tenant_id", tenants.rows.fields.TextField(max_length=64)),
                ("kind", tenants.rows.fields.TextField(max_length=16)),
                ("name", tenants.rows.fields.TextField(max_length=255)),
                ("item", tenants.rows.fields.TextField(max_length=24)),
                ("timestamp", models.DateTimeField(default=tenants.rows.fields.now)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["tenant_id", "kind", "name"], name="former_names"),
                    models.Index(fields=["item"], name="former_names_of_item"),
                ]
            },
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", tenants.rows.fields.KeyField(serialize=False)),
                (
                    "list",
                    tenants.rows.fields.TextField(
                        choices=[("models", "models"), ("datasets", "datasets"), ("algorithms", "algorithms")],
                        max_length=16,
                    ),
                ),
                ("name", tenants.rows.fields.TextField(max_length=255)),
                ("query", models.TextField(blank=True)),
                ("shared", models.BooleanField(default=False)),
                ("timestamp", models.DateTimeField(default=tenants.rows.fields.now, editable=False)),
                ("lastmod", models.DateTimeField(default=tenants.rows.fields.now, editable=False)),
                (
                    "owner",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL),
                ),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="tenants.tenant")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "owner", "list", "name"), name="view_of_owner_and_list")
                ]
            },
        ),
    ]
