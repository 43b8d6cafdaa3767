from django.db import migrations


class Migration(migrations.Migration):
    """The model is called Fence; its table keeps its first name."""

    dependencies = [("tenants", "0009_kept_login")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("Gate", "Fence"),
                migrations.AlterModelTable("fence", "tenants_gate"),
            ]
        ),
    ]
