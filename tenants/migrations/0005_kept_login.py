from django.db import migrations

from tenants.fields import TextField


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_places_of_attempts")]
    operations = [
        migrations.AddField("user", "kept_login", TextField(blank=True, default="", editable=False, max_length=32)),
    ]
