"""MLflow's registered models: our models."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from catalog.aliases.services import move_alias, remove_alias
from catalog.changes import ListChange, Replacement
from catalog.drafts import typed
from catalog.models import Item
from catalog.query_fields import ITEM_FIELDS
from catalog.serializers import LONGEST_DESCRIPTION
from catalog.services import create_item, delete_item, update_item
from registry_site.dialects.mlflow.documents import (
    STAGE,
    STAGES,
    model_documents,
    newest_of_stages,
    version_answer,
    version_document,
)
from registry_site.dialects.mlflow.errors import EXISTS, MLflowError
from registry_site.dialects.mlflow.filters import Grammar, conditions_of
from registry_site.dialects.mlflow.names import find_model, find_version, models_named, names_for
from registry_site.dialects.mlflow.orders import keys_of, orders_of
from registry_site.dialects.mlflow.pages import Wanted, limited, page_of
from registry_site.dialects.mlflow.views import DELETE, LONGEST_NAME, READ, WRITE, Arguments, DialectView
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rest.permissions import refuse_outside_scope
from tenants.rest.querying.fields import Key
from tenants.rows.texts import shown
from tenants.rows.visibility import rows_for
from versions.models import Version

MODELS = Grammar(texts={"name": "name"}, numbers={}, lists={"tags": "metadata"}, listable=("name",))
ORDERS = {
    "name": "name",
    "timestamp": "lastmod",
    "last_updated_timestamp": "lastmod",
    "creation_timestamp": "timestamp",
}
BY_NAME = (Key("name"), Key("pk"))
MOST = 1000  # models of a page


def readable_models(user: User) -> Any:
    return Item.objects.visible_to(user).filter(kind="model")


def tag_change(row: Any, key: str, value: str | None) -> Mapping[str, ListChange]:
    """Return the change that sets a tag, or removes it if the value is None. A tag is a metadata value here.

    Raises MLflowError for the removal of a tag that is not there.
    """
    known = any(pair["name"] == key for pair in row.metadata)
    if value is not None:
        pair = {"name": key, "value": typed(value)}
        return {"metadata": ListChange(update=[Replacement(key, pair)]) if known else ListChange(add=[pair])}
    if known:
        return {"metadata": ListChange(remove=[{"name": key}])}
    return {"tags": ListChange(remove=[key])} if key in row.tags else {}


def metadata_of(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return tags as metadata."""
    return [{"name": key, "value": typed(value)} for key, value in tags.items()]


def exists(name: str) -> MLflowError:
    return MLflowError(f"Registered Model (name={name}) already exists.", EXISTS)


@contextmanager
def _taken(name: str) -> Iterator[None]:
    """Raise what MLflow's server answers if the name is taken."""
    try:
        yield
    except Refused as error:
        raise exists(name) if "already exists" in str(error) else error from None


class RegisteredModels(DialectView):
    """Routes of `registered-models`."""

    scopes: ClassVar[Mapping[str, Sequence[str]]] = {
        "create": WRITE,
        "rename": WRITE,
        "update": WRITE,
        "destroy": DELETE,
        "get": READ,
        "search": READ,
        "latest": READ,
        "set_tag": WRITE,
        "delete_tag": WRITE,
        "set_alias": ("aliases:move",),
        "delete_alias": ("aliases:move",),
        "by_alias": READ,
    }

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the caller; scopes of aliases are compared with the alias of the body."""
        if self.action in ("set_alias", "delete_alias") and isinstance(request.data, dict):
            self.kwargs = self.kwargs | {"alias": str(request.data.get("alias", ""))}
        super().initial(request, *args, **kwargs)

    def _answer(self, item: Item) -> Response:
        return Response({"registered_model": model_documents(self.request, [item])[0]})

    def create(self, request: Request) -> Response:
        """Create a model of the caller."""
        sent = self.sent
        name, tags = self._new_name("name"), sent.pairs("tags")
        if any(item.owner_id == self.user.pk for item in models_named(self.user, name)):
            raise exists(name)
        about: Any = {
            "description": sent.text("description", "", longest=LONGEST_DESCRIPTION),
            "metadata": metadata_of(tags),
        }
        with _taken(name):
            return self._answer(create_item(kind="model", by=self.user, name=name, **about))

    def rename(self, request: Request) -> Response:
        """Give the model another name, by the rules of a new one."""
        item, name = find_model(self, self.sent.text("name"), changes=True), self._new_name("new_name")
        with _taken(name):
            return self._answer(update_item(item=item, by=self.user, changes={"name": name}))

    def _new_name(self, argument: str) -> str:
        name = self.sent.text(argument, longest=LONGEST_NAME)
        if "/" in name or ":" in name:
            raise MLflowError(f"Invalid model name: '{shown(name)}'. A name has no `/` and no `:`")
        refuse_outside_scope(self.request, self, name)
        return name

    def update(self, request: Request) -> Response:
        item = find_model(self, self.sent.text("name"), changes=True)
        return self._answer(
            update_item(
                item=item,
                by=self.user,
                changes={"description": self.sent.text("description", "", longest=LONGEST_DESCRIPTION)},
            )
        )

    def destroy(self, request: Request) -> Response:
        delete_item(item=find_model(self, self.sent.text("name"), changes=True), by=self.user)
        return Response({})

    def get(self, request: Request) -> Response:
        return self._answer(find_model(self, self.sent.text("name")))

    def search(self, request: Request) -> Response:
        """Return a page of the models that the caller may read."""
        sent = self.sent
        limit, filter = limited(sent, 100, MOST), MODELS.filter_of(conditions_of(sent.text("filter", "")))
        keys = keys_of(orders_of(sent.texts("order_by")), ORDERS, BY_NAME)
        rows = rows_for(Item, readable_models, self.user)
        items, token = page_of(rows, ITEM_FIELDS, Wanted(filter, keys, limit, sent.text("page_token", "")))
        answer: dict[str, Any] = {"registered_models": model_documents(self.request, items)} if items else {}
        return Response(answer | ({"next_page_token": token} if token else {}))

    def latest(self, request: Request) -> Response:
        """Return the newest version of each stage, or of the stages that are asked for."""
        sent = self.sent
        item, stages = find_model(self, sent.text("name")), [_stage(each) for each in sent.texts("stages")]
        name = names_for(self.user, [item])[item.pk]
        found = filter(None, (_newest(item, stage) for stage in dict.fromkeys(stages or STAGES.values())))
        newest = sorted(found, key=lambda version: (version.timestamp, version.pk), reverse=True)
        documents = [version_document(self.request, item, each, name) for each in newest]
        return Response({"model_versions": documents} if documents else {})

    def set_tag(self, request: Request) -> Response:
        return self._tagged(self.sent, self.sent.text("value", ""))

    def delete_tag(self, request: Request) -> Response:
        return self._tagged(self.sent, None)

    def _tagged(self, sent: Arguments, value: str | None) -> Response:
        item, key = find_model(self, sent.text("name"), changes=True), sent.key()
        if changes := tag_change(item, key, value):
            update_item(item=item, by=self.user, changes=changes)
        return Response({})

    def set_alias(self, request: Request) -> Response:
        """Point an alias at a version; the rules of protection decide who may."""
        sent = self.sent
        alias, name, version = sent.text("alias"), sent.text("name"), sent.text("version")
        item = find_model(self, name)
        find_version(item, name, version)
        move_alias(item=item, alias=alias, version=version, by=self.user)
        return Response({})

    def delete_alias(self, request: Request) -> Response:
        item, alias = find_model(self, self.sent.text("name")), self.sent.text("alias")
        if alias in item.aliased:
            remove_alias(item=item, alias=alias, by=self.user)
        return Response({})

    def by_alias(self, request: Request) -> Response:
        item, alias = find_model(self, self.sent.text("name")), self.sent.text("alias")
        ordinal = item.aliased.get(alias)
        if alias != "latest" and ordinal is None:
            raise MLflowError(f"Registered model alias {shown(alias)} not found.")
        versions = Version.objects.of(item.tenant_id).filter(subject=item.pk).order_by("-timestamp", "-pk")
        found = (versions if alias == "latest" else versions.filter(ordinal=ordinal)).first()
        if found is None:
            raise MLflowError(f"Latest version not found for model {shown(item.name)}.", "RESOURCE_DOES_NOT_EXIST")
        return Response(version_answer(self.request, item, found))


def _newest(item: Item, stage: str) -> Version | None:
    """Return the newest version of a stage. The database finds a stage, also one that no version of many has."""
    versions = Version.objects.of(item.tenant_id).filter(subject=item.pk).order_by("-timestamp", "-pk")
    if stage == STAGES["none"]:
        return next((each for each in versions.iterator() if stage in newest_of_stages([each])), None)
    return versions.filter(metadata__holds={"name": STAGE, "value": stage}).first()


def _stage(text: str) -> str:
    if text.lower() not in STAGES:
        raise unknown_stage(text)
    return STAGES[text.lower()]


def unknown_stage(text: str) -> MLflowError:
    valid = ", ".join(STAGES.values())
    return MLflowError(f"Invalid Model Version stage: {shown(text)}. Value must be one of {valid}.")
