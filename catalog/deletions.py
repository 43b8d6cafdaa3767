"""Deletes what belongs to a deleted user or tenant; called by `tenants.identity.deletions`."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import F

from catalog.aliases.models import AliasMove, Proposal, ProtectionRule
from catalog.aliases.rules import refuse_named
from catalog.arrays import RemoveElement
from catalog.history import item_event
from catalog.merges.models import Merge, Replacement
from catalog.models import FormerName, Item, Value
from catalog.saved.models import SavedView
from catalog.saved.services import delete_views_of
from folksonomy.models import Dismissal, MetadataName, Synonym, Tag
from tenants.exceptions import Refused
from tenants.ledger import Row, record_all
from tenants.models import User
from tenants.rows.batches import batches, delete_in_batches, keys_of
from tenants.rows.fences import reference_guard
from tenants.rows.fields import iso, now
from tenants.rows.transactions import retried
from versions.draft_models import Draft, Experiment, Point
from versions.models import LooseFolder, SpentOrdinal, Version, VersionFile
from versions.services import delete_tenant_versions

OF_ALIASES = (AliasMove, Proposal, ProtectionRule, SavedView)
OF_WORDS = (Synonym, Dismissal, Merge, Replacement)
UNLISTED = 500  # items per transaction from which a user is removed


def refuse_owner(*, user: User) -> None:
    """Raise Refused (`delete_request_error`) if the user owns an item or a word, or a rule names the user."""
    refuse_named(user=user)
    for model in (Item, Tag, MetadataName):
        owned = model.objects.of(user.tenant_id).filter(owner=user).first()
        if owned is not None:
            raise Refused("delete_request_error", f"The user is the owner of {owned.pk} ({owned})")


def unlist_user(*, user: User, by: User | None) -> None:
    """Remove the user from the users of every item, and their views and experiments, in several transactions.

    New references are already refused. The user's drafts expire.
    """
    delete_views_of(user=user, by=by)
    Draft.objects.of(user.tenant_id).filter(owner_id=user.pk).update(expires=now())
    delete_in_batches(Experiment.objects.of(user.tenant_id).filter(owner_id=user.pk))
    for keys in batches(keys_of(Item.objects.of(user.tenant_id).filter(users__holds=user.pk)), UNLISTED):
        _unlist_from(keys, user, by)


@retried
def _unlist_from(keys: Sequence[str], user: User, by: User | None) -> None:
    with reference_guard(user.tenant_id):
        rows = Item.objects.of(user.tenant_id).filter(pk__in=keys)
        items, time = list(rows.select_for_update().filter(users__holds=user.pk)), now()
        rows.update(
            users=RemoveElement("users", user.pk),
            readers=RemoveElement("readers", user.pk),
            revision=F("revision") + 1,
            lastmod=time,
        )
        for item in items:
            item.revision += 1
        record_all([_unlisting(item, user, time, by) for item in items])


def _unlisting(item: Item, user: User, time: datetime, by: User | None) -> Row:
    changes = {
        "users": [item.users, [pk for pk in item.users if pk != user.pk]],
        "lastmod": [iso(item.lastmod), iso(time)],
    }
    return item_event(item, "updated", by, changes, reason=f"The user {user.username} is deleted")


def empty_tenant(*, tenant_id: str) -> None:
    """Delete the rows of a tenant in several transactions; the tenant's users are already locked out."""
    of_versions = (Version, VersionFile, LooseFolder, SpentOrdinal, Draft, Point, Experiment)
    for model in (*OF_ALIASES, *OF_WORDS, FormerName, Value, *of_versions, Item, Tag, MetadataName):
        delete_in_batches(model._default_manager.filter(tenant_id=tenant_id))


def forget_tenant(*, tenant_id: str) -> None:
    """Delete all remaining rows of a tenant that refer to its users."""
    for model in (*OF_ALIASES, *OF_WORDS, FormerName, Value, Item, Tag, MetadataName):
        model._default_manager.filter(tenant_id=tenant_id).delete()
    delete_tenant_versions(tenant_id=tenant_id)
