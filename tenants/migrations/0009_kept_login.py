from django.db import migrations

from tenants.rows.fields import TextField


class Migration(migrations.Migration):
    dependencies = [("tenants", "0008_email_keys_are_unique")]
    operations = [
        migrations.AddField("user", "kept_login", TextField(blank=True, default="", editable=False, max_length=32)),
    ]
