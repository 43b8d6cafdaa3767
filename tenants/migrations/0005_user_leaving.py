"""A user whose deletion has begun is refused everywhere until it has ended."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_places_of_attempts")]
    operations = [
        migrations.AddField("user", "leaving", models.DateTimeField(null=True, editable=False)),
    ]
