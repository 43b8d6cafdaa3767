from typing import Any

from django.db import migrations, models

import tenants.rows.fields
from tenants.identity.emails import fill_email_keys


def fill(apps: Any, editor: Any) -> None:
    """Compare the addresses that are there already without regard to case; none is lost."""
    fill_email_keys(apps.get_model("tenants", "User").objects.all())


class Migration(migrations.Migration):
    dependencies = [("tenants", "0006_names")]
    operations = [
        migrations.CreateModel(
            name="OutgoingMail",
            fields=[
                ("id", tenants.rows.fields.KeyField(serialize=False)),
                ("tenant_id", tenants.rows.fields.TextField(max_length=64)),
                ("email", tenants.rows.fields.TextField(max_length=255)),
                ("created", models.DateTimeField(default=tenants.rows.fields.now)),
                ("due", models.DateTimeField(default=tenants.rows.fields.now)),
                ("tries", models.PositiveIntegerField(default=0)),
            ],
            options={"indexes": [models.Index(fields=["due"], name="mails_due")]},
        ),
        migrations.AddIndex("failedattempt", models.Index(fields=["timestamp"], name="failed_attempts_oldest")),
        migrations.AddField("user", "revision", models.PositiveIntegerField(default=0, editable=False)),
        migrations.AddField(
            "user", "email_key", tenants.rows.fields.TextField(max_length=512, null=True, blank=True, editable=False)
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
