"""MongoDB makes partial indexes of unique constraints, which reads cannot use."""

from django.db import migrations

from tenants.rows.indexes import engine_indexes


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]
    operations = [
        engine_indexes(
            "tenants_user",
            mongodb={
                "username_read": [("tenant_id", 1), ("username", 1)],
                "email_read": [("tenant_id", 1), ("email", 1)],
            },
        )
    ]
