"""Words that are no duplicates."""

from django.db import migrations, models

import tenants.rows.fields


class Migration(migrations.Migration):
    dependencies = [
        ("folksonomy", "0004_words"),
    ]

    operations = [
        migrations.CreateModel(
            name="Dismissal",
            fields=[
                ("id", tenants.rows.fields.KeyField(serialize=False)),
                ("tenant_id", tenants.rows.fields.TextField(max_length=64)),
                ("kind", tenants.rows.fields.TextField(max_length=16)),
                ("words", models.TextField()),
                ("timestamp", models.DateTimeField(default=tenants.rows.fields.now, editable=False)),
            ],
            options={
                "indexes": [models.Index(fields=["tenant_id", "kind", "-timestamp", "-id"], name="dismissals_newest")],
            },
        ),
    ]
