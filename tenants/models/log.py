"""The table of the request log."""

from typing import Any

from django.db import models

from tenants.models.tenants import TenantQuerySet
from tenants.rows.fields import KeyField, TextField, iso


class RequestLog(models.Model):
    """An answered request; kept when its user is deleted."""

    id = KeyField()
    tenant_id = TextField(max_length=64, null=True)
    date = models.DateTimeField()
    user_id = TextField(max_length=24, null=True)
    username = TextField(max_length=150, blank=True)
    method = TextField(max_length=16)
    url = models.TextField()
    status = models.PositiveIntegerField()
    duration_ms = models.FloatField()
    contents = models.TextField(blank=True)

    objects = TenantQuerySet["RequestLog"].as_manager()

    class Meta:
        indexes = (
            models.Index(fields=["tenant_id", "-date", "-id"], name="log_newest"),
            models.Index(fields=["date"], name="log_oldest"),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.url}"

    def to_api(self) -> dict[str, Any]:
        user = self.user_id and {"_id": self.user_id, "username": self.username}
        rest = {field: getattr(self, field) for field in ("method", "url", "status", "duration_ms", "contents")}
        return {"_id": self.pk, "date": iso(self.date), "user": user} | rest
