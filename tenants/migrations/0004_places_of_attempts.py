from typing import Any

from django.db import migrations, models


def forget(apps: Any, editor: Any) -> None:
    """Forget the failures of the last minutes, which have no places."""
    apps.get_model("tenants", "FailedAttempt").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_gates")]
    operations = [
        migrations.RunPython(forget, migrations.RunPython.noop),
        migrations.AddField("failedattempt", "place", models.PositiveIntegerField(default=0), preserve_default=False),
        migrations.AddField("failedattempt", "pending", models.BooleanField(default=False)),
        migrations.AddConstraint(
            "failedattempt", models.UniqueConstraint(fields=["key", "place"], name="place_of_key")
        ),
    ]
