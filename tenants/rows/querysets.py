"""The only way to rows: through the tenant that owns them."""

from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models

if TYPE_CHECKING:
    from tenants.models import User

M = TypeVar("M", bound=models.Model, covariant=True)


class TenantQuerySet(models.QuerySet[M]):
    """Rows that belong to tenants; every read and write starts with `of`."""

    def of(self, tenant_id: str | None) -> Self:
        """Keep the rows of this tenant, or of none."""
        return self.filter(tenant_id=tenant_id)

    def visible_to(self, user: "User") -> Self:
        """Keep what `user` may read of his own tenant; models with owners narrow it further."""
        return self.of(user.tenant_id or "")
