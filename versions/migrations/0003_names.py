"""Ordinals and file names that were stored before there were rules for names follow them."""

from typing import Any

from django.db import migrations

from versions.renaming import mend_versions


def mend(apps: Any, editor: Any) -> None:
    mend_versions(apps.get_model("versions", "Version"))


class Migration(migrations.Migration):
    dependencies = [("versions", "0002_hold")]
    operations = [migrations.RunPython(mend, migrations.RunPython.noop)]
