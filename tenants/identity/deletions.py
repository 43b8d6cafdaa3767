"""Deletions of users and tenants, however much is theirs: many short transactions in place of a long one.

A deletion that was interrupted leaves nothing half done that anybody could use, and is finished by the next one.
"""

from typing import Any

from django.conf import settings

from tenants.exceptions import Refused
from tenants.identity.services import refuse_last_administrator
from tenants.models import OutgoingMail, RequestLog, Tenant, User
from tenants.rows.batches import delete_in_batches
from tenants.rows.fences import removal_guard
from tenants.rows.fields import now
from tenants.rows.hooks import hook
from tenants.rows.transactions import retried

KEPT_APART: tuple[Any, ...] = (RequestLog, OutgoingMail)  # rows that name a tenant without a foreign key


def delete_tenant(*, tenant: Tenant) -> None:
    """Remove the tenant with its users, items and bytes. Raises Refused for the default tenant.

    First its users are refused everywhere. Then its rows are deleted, some in a transaction, so that other tenants can
    write. The last transaction deletes what is left, and the tenant.
    """
    tenant_id = tenant.pk
    if tenant_id == settings.DEFAULT_TENANT:
        raise Refused("delete_request_error", "The default tenant cannot be deleted")
    _shut_out_users(tenant_id)
    hook("tenant_emptied")(tenant_id=tenant_id)
    for model in KEPT_APART:
        delete_in_batches(model.objects.of(tenant_id))
    _end_tenant(tenant_id)
    hook("tenant_left")(tenant_id=tenant_id)


@retried
def _shut_out_users(tenant_id: str) -> None:
    with removal_guard(tenant_id):
        User.objects.of(tenant_id).update(leaving=now())


@retried
def _end_tenant(tenant_id: str) -> None:
    with removal_guard(tenant_id):
        hook("tenant_leaves")(tenant_id=tenant_id)
        for model in KEPT_APART:
            model.objects.of(tenant_id).delete()
        Tenant.objects.filter(pk=tenant_id).delete()


def delete_user(*, user: User) -> None:
    """Remove a user, also from every list of users.

    First the user is refused everywhere: by logins, by tokens and in new references. Then the lists are rewritten, some
    items in a transaction, so that others can write.
    Raises Refused (`delete_request_error`), before anything changes, for the last administrator and for an owner of
    anything, and `resource_not_found` where the user is gone.
    """
    _begin_deletion(user)
    hook("user_left")(user=user)
    _end_deletion(user)


@retried
def _begin_deletion(user: User) -> None:
    with removal_guard(user.tenant_id):
        refuse_last_administrator(user, "delete_request_error", "The last administrator cannot be deleted")
        hook("user_leaves")(user=user)
        if not User.objects.filter(pk=user.pk).update(leaving=now()):
            raise Refused("resource_not_found", f"No such resource: {user.pk}")


@retried
def _end_deletion(user: User) -> None:
    with removal_guard(user.tenant_id):
        User.objects.filter(pk=user.pk).delete()
