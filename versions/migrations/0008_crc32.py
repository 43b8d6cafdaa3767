"""Adds the crc32 of stored bytes, and of uploads on their way."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("versions", "0007_folders")]

    operations = [
        migrations.AddField("blob", "crc32", models.BigIntegerField(null=True)),
        migrations.AddField("uploadsession", "crc32", models.BigIntegerField(null=True)),
    ]
