from typing import Any

import django.db.models.deletion
from django.db import migrations, models

import tenants.rows.fields

GATES = 64


def make_gates(apps: Any, editor: Any) -> None:
    """Give the tenants that are there already their gates."""
    gate = apps.get_model("tenants", "Gate")
    for tenant in apps.get_model("tenants", "Tenant").objects.all():
        gate.objects.bulk_create([gate(tenant=tenant, number=number) for number in range(GATES)])


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_engine_indexes")]
    operations = [
        migrations.CreateModel(
            name="Gate",
            fields=[
                ("id", tenants.rows.fields.KeyField(serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("mark", models.BigIntegerField(default=0)),
                ("shut_until", models.DateTimeField(null=True)),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="tenants.tenant")),
            ],
            options={"indexes": [models.Index(fields=["tenant", "number"], name="gates_of_tenant")]},
        ),
        migrations.RunPython(make_gates, migrations.RunPython.noop),
    ]
