"""Names: unique on MLflow's server, unique per owner here. One's own model first, then the only readable one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from catalog.drafts import printed
from catalog.models import Item
from registry_site.dialects.mlflow.errors import MLflowError, missing
from tenants.models import User
from tenants.rest.permissions import refusal, refuse_outside_scope
from tenants.rows.texts import shown
from versions.models import Version

VALID_STAGES = "None, Staging, Production, Archived"


def models_of(user: User) -> Any:
    """Return the models that the user may read."""
    return Item.objects.visible_to(user).filter(kind="model")


def models_named(user: User, name: str) -> list[Item]:
    """Return the user's own model with this name, or else the readable ones, or that of `owner/name`.

    A slash may be written `%2F`: MLflow's clients refuse a name with a slash in `models:/…`, and decode nothing there.
    """
    plain = name.replace("%2F", "/")
    found = list(models_of(user).filter(name__in={name, plain})[:100])
    own = [item for item in found if item.owner_id == user.pk]
    owner, slash, rest = plain.partition("/")
    if found or not slash:
        return own or found
    return list(models_of(user).filter(name=rest, owner__in=User.objects.of(user.tenant_id).filter(username=owner)))


def find_model(view: Any, name: str, *, changes: bool = False) -> Item:
    """Return the model with this name. Raises MLflowError, and Refused if the caller may not change it."""
    user: User = view.user
    found = models_named(user, name)
    if not found:
        raise missing(f"Registered Model with name={shown(name)} not found")
    if len(found) > 1:
        owners = sorted(User.objects.usernames({item.owner_id for item in found}).values())
        ways = ", ".join(f"{owner}/{name}" for owner in owners)
        raise MLflowError(f"Several models are called {shown(name)}. Please name one of these: {shown(ways)}")
    if changes and not found[0].is_changeable_by(user):
        raise refusal(view.request.method, "This model is open only to its owner and administrators")
    refuse_outside_scope(view.request, view, found[0].name)
    return found[0]


def find_version(item: Item, name: str, version: str) -> Version:
    """Return the version with this ordinal. Raises MLflowError."""
    found = Version.objects.of(item.tenant_id).filter(subject=item.pk, ordinal=version).first()
    if found is None:
        raise missing(f"Model Version (name={shown(name)}, version={shown(version)}) not found")
    return found


def names_for(user: User, items: Iterable[Item]) -> Mapping[str, str]:
    """Return the name by which the user finds each model: `owner/name` if others have the same name."""
    items = list(items)
    foreign = [item for item in items if item.owner_id != user.pk]
    if not foreign:
        return {item.pk: item.name for item in items}
    same = models_of(user).filter(name__in={item.name for item in foreign}).values_list("name", "pk")
    shared = {name for name, pk in same if any(name == item.name and pk != item.pk for item in foreign)}
    owners = User.objects.usernames({item.owner_id for item in foreign if item.name in shared})
    return {
        item.pk: f"{owners[item.owner_id]}/{item.name}"
        if item.name in shared and item.owner_id in owners
        else item.name
        for item in items
    }


def values_of(pairs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return metadata as texts by name."""
    return {pair["name"]: printed(pair["value"]) for pair in pairs}
