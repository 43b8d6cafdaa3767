"""A table of metadata values, whose index sorts lists of items and versions."""

from typing import Any

from django.db import migrations, models

import tenants.rows.fields
from catalog.values import build_values


def fill(apps: Any, editor: Any) -> None:
    build_values(
        apps.get_model("catalog", "Item"), apps.get_model("versions", "Version"), apps.get_model("catalog", "Value")
    )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0006_description"), ("versions", "0006_words")]
    operations = [
        migrations.CreateModel(
            name="Value",
            fields=[
                (
                    "id",
                    tenants.rows.fields.TextField(db_column="_id", max_length=279, primary_key=True, serialize=False),
                ),
                ("tenant_id", tenants.rows.fields.TextField(max_length=64)),
                ("item", tenants.rows.fields.TextField(max_length=24)),
                ("holder", tenants.rows.fields.TextField(max_length=24)),
                ("list", tenants.rows.fields.TextField(max_length=16)),
                ("name", tenants.rows.fields.TextField(max_length=255)),
                ("type", models.PositiveSmallIntegerField()),
                ("number", models.FloatField()),
                ("text", tenants.rows.fields.TextField(max_length=200)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["tenant_id", "list", "name", "type", "number", "text", "holder"], name="values_in_order"
                    ),
                    models.Index(fields=["item", "list", "name"], name="values_of_item"),
                ],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
