"""Names, tags and metadata names that were stored before there were rules for names follow them."""

from typing import Any

from django.db import migrations

from catalog.renaming import mend_items


def mend(apps: Any, editor: Any) -> None:
    mend_items(
        apps.get_model("catalog", "Item"),
        apps.get_model("folksonomy", "Tag"),
        apps.get_model("folksonomy", "MetadataName"),
    )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_words"), ("folksonomy", "0002_engine_indexes")]
    operations = [migrations.RunPython(mend, migrations.RunPython.noop)]
