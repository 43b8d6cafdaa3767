"""Fewer index entries for an event: see `Event.Meta.indexes`, and what PostgreSQL has beside it for `LIKE`."""

from typing import Any

from django.db import migrations, models

import tenants.rows.indexes


def drop_like_index(apps: Any, editor: Any) -> None:
    """Drop the index that Django adds to a text key for `LIKE`: with the collation C, the key's own index serves it."""
    if editor.connection.vendor == "postgresql":
        table = apps.get_model("tenants", "Event")._meta.db_table
        with editor.connection.cursor() as cursor:
            constraints = editor.connection.introspection.get_constraints(cursor, table)
        for name in constraints:
            if name.endswith("_like"):
                editor.execute(f"DROP INDEX {editor.quote_name(name)}")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0012_machine_tokens")]
    operations = [
        migrations.RunPython(drop_like_index, migrations.RunPython.noop),
        migrations.RemoveIndex(model_name="event", name="events_sealed"),
        migrations.RemoveIndex(model_name="event", name="events_unsealed"),
        migrations.AddIndex(
            model_name="event",
            index=tenants.rows.indexes.PositiveIndex(
                condition=models.Q(("sequence__isnull", False)), fields=["tenant_id", "sequence"], name="events_sealed"
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("hash", "")), fields=["hash", "tenant_id", "id"], name="events_unsealed"
            ),
        ),
    ]
