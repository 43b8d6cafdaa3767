"""Usernames and contact data that were stored before there were rules for names follow them."""

from typing import Any

from django.db import migrations

from tenants.identity.renaming import mend_tenants


def mend(apps: Any, editor: Any) -> None:
    mend_tenants(apps.get_model("tenants", "Tenant"), apps.get_model("tenants", "User"))


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_user_leaving")]
    operations = [migrations.RunPython(mend, migrations.RunPython.noop)]
