import django.db.models.deletion
from django.db import migrations, models

import tenants.rows.fields


class Migration(migrations.Migration):
    dependencies = [("tenants", "0011_ledger")]
    operations = [
        migrations.CreateModel(
            name="MachineToken",
            fields=[
                ("id", tenants.rows.fields.KeyField(serialize=False)),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="tenants.tenant")),
                ("owner", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="tenants.user")),
                ("name", tenants.rows.fields.TextField(max_length=255)),
                ("digest", tenants.rows.fields.TextField(editable=False, max_length=64)),
                ("scopes", tenants.rows.fields.ListField()),
                ("expires", models.DateTimeField(null=True)),
                ("timestamp", models.DateTimeField(default=tenants.rows.fields.now, editable=False)),
                ("last_used", models.DateTimeField(null=True)),
                ("last_address", tenants.rows.fields.TextField(blank=True, max_length=64)),
            ],
            options={
                "indexes": [models.Index(fields=["tenant", "-timestamp", "-id"], name="tokens_newest")],
                "constraints": [
                    models.UniqueConstraint(fields=("digest",), name="digest_of_token"),
                    models.UniqueConstraint(fields=("owner", "name"), name="token_of_owner"),
                ],
            },
        ),
    ]
