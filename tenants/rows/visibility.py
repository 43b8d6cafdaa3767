"""Prepared rows that depend on who reads them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from tenants.models import ROLES, User
from tenants.rows.prepared import Rows


@dataclass(frozen=True, slots=True)
class Reader:
    """All that the condition on the rows which a user may read can depend on.

    It stands for the user while the condition is prepared, with marks as ids. Any other attribute is an error.
    """

    pk: str
    tenant_id: str
    role: str

    @property
    def is_admin(self) -> bool:
        return self.role == ROLES[0]


def rows_for(model: Any, select: Callable[[User], Any], user: User) -> Rows:
    """Return the rows of the model that `select` returns for the user, such as `Item.objects.visible_to`."""
    return Rows(model, _selected_by(select, user.role), (user.pk, user.tenant_id or ""))


@cache
def _selected_by(select: Callable[[User], Any], role: str) -> Callable[[str, str], Any]:
    return lambda key, tenant_id: select(cast(User, Reader(key, tenant_id, role)))
