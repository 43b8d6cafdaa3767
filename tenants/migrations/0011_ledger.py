"""The ledger starts now: history is complete from here on."""

from typing import Any

from django.db import migrations, models

import tenants.rows.fields


def start_chains(apps: Any, editor: Any) -> None:
    """Begin the chain of each existing tenant."""
    chains, existing = apps.get_model("tenants", "Chain"), apps.get_model("tenants", "Tenant")
    for tenant_id in existing._base_manager.values_list("pk", flat=True):
        chains._base_manager.create(tenant_id=tenant_id)


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0010_fences"),
    ]

    operations = [
        migrations.CreateModel(
            name="Chain",
            fields=[
                (
                    "tenant_id",
                    tenants.rows.fields.TextField(db_column="_id", max_length=64, primary_key=True, serialize=False),
                ),
                ("sequence", models.BigIntegerField(default=0)),
                ("hash", tenants.rows.fields.TextField(blank=True, max_length=64)),
                ("anchor", models.BigIntegerField(default=0)),
                ("anchor_hash", tenants.rows.fields.TextField(blank=True, max_length=64)),
                ("since", models.DateTimeField(default=tenants.rows.fields.now)),
                ("holder", tenants.rows.fields.TextField(blank=True, max_length=24)),
                ("leased_until", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", tenants.rows.fields.KeyField(serialize=False)),
                ("tenant_id", tenants.rows.fields.TextField(max_length=64)),
                ("sequence", models.BigIntegerField(null=True)),
                ("type", tenants.rows.fields.TextField(max_length=64)),
                ("actor_id", tenants.rows.fields.TextField(max_length=24, null=True)),
                ("actor_name", tenants.rows.fields.TextField(blank=True, max_length=150)),
                ("item_id", tenants.rows.fields.TextField(max_length=64, null=True)),
                ("item_kind", tenants.rows.fields.TextField(blank=True, max_length=32)),
                ("item_name", tenants.rows.fields.TextField(blank=True, max_length=255)),
                ("revision", models.BigIntegerField(null=True)),
                ("version", tenants.rows.fields.TextField(max_length=255, null=True)),
                ("changes", models.TextField(default="{}")),
                ("reason", models.TextField(blank=True)),
                ("timestamp", models.DateTimeField(default=tenants.rows.fields.now)),
                ("hash", tenants.rows.fields.TextField(blank=True, max_length=64)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["tenant_id", "sequence"], name="events_sealed"),
                    models.Index(fields=["tenant_id", "-timestamp", "-id"], name="events_newest"),
                    models.Index(fields=["item_id", "-timestamp", "-id"], name="events_of_item"),
                    models.Index(condition=models.Q(("hash", "")), fields=["hash", "id"], name="events_unsealed"),
                ],
            },
        ),
        migrations.RunPython(start_chains, migrations.RunPython.noop),
    ]
