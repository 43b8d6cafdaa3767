"""In a migration of its own: PostgreSQL changes no table that the same transaction has written rows of."""

from django.db import migrations, models

from tenants.rows.indexes import engine_indexes


class Migration(migrations.Migration):
    dependencies = [("tenants", "0007_outgoing_mail_and_email_keys")]
    operations = [
        migrations.RemoveConstraint("user", "email_in_tenant"),
        migrations.AddConstraint(
            "user", models.UniqueConstraint(fields=["tenant", "email_key"], name="email_key_in_tenant")
        ),
        engine_indexes("tenants_user", mongodb={"email_key_read": [("tenant_id", 1), ("email_key", 1)]}),
    ]
