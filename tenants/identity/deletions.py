"""Deletion of users and tenants with any amount of data, in many short transactions instead of a long one.

The first transaction blocks access, so nobody can use what an interrupted deletion leaves. Deleting again completes it.
"""

from typing import Any

from django.conf import settings

from tenants.exceptions import Refused
from tenants.identity.events import record_deletion
from tenants.identity.services import refuse_last_administrator
from tenants.ledger import record
from tenants.models import INSTALLATION, Chain, Event, OutgoingMail, RequestLog, Tenant, User
from tenants.rows.batches import delete_in_batches
from tenants.rows.fences import removal_guard
from tenants.rows.fields import now
from tenants.rows.hooks import hook
from tenants.rows.transactions import retried

WITHOUT_FOREIGN_KEY: tuple[Any, ...] = (RequestLog, OutgoingMail, Event, Chain)  # tables with a plain tenant id


def delete_tenant(*, tenant: Tenant, by: User | None = None) -> None:
    """Delete the tenant with its users, items and bytes. Raises Refused for the default tenant.

    First all its users lose access. Then its rows are deleted in batches, so that other tenants can write. The last
    transaction deletes the remaining rows and the tenant.
    """
    tenant_id = tenant.pk
    if tenant_id == settings.DEFAULT_TENANT:
        raise Refused("delete_request_error", "The default tenant cannot be deleted")
    _block_users(tenant, by)
    hook("tenant_emptied")(tenant_id=tenant_id)
    for model in WITHOUT_FOREIGN_KEY:
        delete_in_batches(model.objects.of(tenant_id))
    _finish_tenant(tenant, by)
    hook("tenant_left")(tenant_id=tenant_id)


@retried
def _block_users(tenant: Tenant, by: User | None) -> None:
    with removal_guard(tenant.pk):
        User.objects.of(tenant.pk).update(leaving=now())
        record(tenant=INSTALLATION, type="tenant.deletion_started", actor=by, item=tenant)


@retried
def _finish_tenant(tenant: Tenant, by: User | None) -> None:
    tenant_id = tenant.pk
    with removal_guard(tenant_id):
        hook("tenant_leaves")(tenant_id=tenant_id)
        for model in WITHOUT_FOREIGN_KEY:
            model.objects.of(tenant_id).delete()
        if Tenant.objects.filter(pk=tenant_id).delete()[0]:
            record_deletion(tenant, by)


def delete_user(*, user: User, by: User | None = None) -> None:
    """Delete a user and remove them from every list of users.

    First the user loses access: logins, tokens and new references to them are refused. Then the lists are rewritten in
    batches of items, so that others can write.
    Raises Refused before anything changes: `delete_request_error` for the last administrator and for an owner of
    anything, `resource_not_found` if the user is gone.
    """
    _start_deletion(user, by)
    hook("user_left")(user=user, by=by)
    _finish_deletion(user, by)


@retried
def _start_deletion(user: User, by: User | None) -> None:
    with removal_guard(user.tenant_id):
        refuse_last_administrator(user, "delete_request_error", "The last administrator cannot be deleted")
        hook("user_leaves")(user=user)
        if not User.objects.filter(pk=user.pk).update(leaving=now()):
            raise Refused("resource_not_found", f"No such resource: {user.pk}")
        record(tenant=user.tenant_id, type="user.deletion_started", actor=by, item=user)


@retried
def _finish_deletion(user: User, by: User | None) -> None:
    with removal_guard(user.tenant_id):
        if User.objects.filter(pk=user.pk).delete()[0]:
            record_deletion(user, by)
