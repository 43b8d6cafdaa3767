"""The form of an item. Saving changes only those values that the user changed on the page."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from rest_framework import exceptions
from rest_framework.serializers import Serializer

from catalog.admin.metadata import MetadataField, plain, row_of
from catalog.models import STATUSES, VISIBILITIES, Item
from catalog.serializers import LONGEST_DESCRIPTION, DatasetChanges, ItemChanges
from tenants.admin.base import ServiceForm
from tenants.admin.choices import Choices, ChoicesField, choices_url
from tenants.models import User
from tenants.rest.collections import explain

SALT = "item as the form showed it"


def _options(texts: Iterable[str]) -> list[tuple[str, str]]:
    return [(text, text.capitalize()) for text in texts]


class DatasetForm(ServiceForm):
    """Editable fields of a dataset.

    `before` is the item as the page showed it, signed. Only differences from it count as the user's changes, so
    concurrent changes by others are kept.
    """

    before = forms.CharField(widget=forms.HiddenInput)
    description = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea({"maxlength": LONGEST_DESCRIPTION}),
        help_text="Markdown.",
    )
    visibility = forms.ChoiceField(
        choices=_options(VISIBILITIES), help_text="Public: all users of the tenant may read it."
    )
    users = ChoicesField(label="Shared with", help_text="Users who may read it while it is private.")
    tags = ChoicesField(help_text="Choose a tag or type a new one.")
    metadata = MetadataField(required=False)

    scalars: ClassVar[tuple[str, ...]] = ("description", "visibility")
    lists: ClassVar[tuple[str, ...]] = ("users", "tags")
    changes_class: ClassVar[type[Serializer[Any]]] = DatasetChanges

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        item = self.instance
        shown = {field: getattr(item, field) for field in (*self.scalars, *self.lists, "metadata")}
        self.initial.update(shown, metadata=[row_of(pair) for pair in item.metadata])
        self.initial["before"] = signing.dumps(shown, salt=SALT, compress=True)
        labels = User.objects.usernames(set(item.users) | self._chosen("users"))
        self.fields["users"].widget = Choices(choices_url("tenants_user", item.tenant_id), labels)
        self.fields["tags"].widget = Choices(choices_url("folksonomy_tag", item.tenant_id), free=True)
        self.fields["metadata"].widget.names_url = choices_url("folksonomy_metadataname", item.tenant_id)

    def _chosen(self, field: str) -> set[str]:
        return set(self.data.getlist(field)) if self.is_bound else set()  # type: ignore[attr-defined]

    def clean_before(self) -> Any:
        try:
            return signing.loads(self.cleaned_data["before"], salt=SALT)
        except signing.BadSignature:
            raise ValidationError("The page data is invalid; please reload the page.") from None

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if self.errors:
            return data
        checked = self.changes_class(data=self._differences(data["before"], data))
        try:
            checked.is_valid(raise_exception=True)
        except exceptions.ValidationError as error:
            raise ValidationError(explain(error)) from None
        self.changes = dict(checked.validated_data)
        return data | {"changes": self.changes}

    def _differences(self, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
        """Return the request body that a client of the API would send."""
        texts = {field: plain(after[field]) for field in self.scalars}
        body: dict[str, Any] = {field: text for field, text in texts.items() if text != plain(before[field])}
        for field in self.lists:
            removed = [value for value in before[field] if value not in after[field]]
            added = [value for value in after[field] if value not in before[field]]
            body |= {field: {"remove": removed, "add": added}} if removed or added else {}
        return body | _metadata_differences(before["metadata"], after["metadata"])

    @property
    def changed_data(self) -> list[str]:
        """The changed fields, for the history."""
        return list(getattr(self, "changes", ()))


class ItemForm(DatasetForm):
    """Editable fields of a model or an algorithm."""

    status = forms.ChoiceField(choices=_options(STATUSES))
    datasets = ChoicesField(help_text="Datasets used for training or testing.")

    scalars = ("description", "visibility", "status")
    lists = ("users", "tags", "datasets")
    changes_class = ItemChanges

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        item, ids = self.instance, set(self.instance.datasets) | self._chosen("datasets")
        named = Item.objects.of(item.tenant_id).datasets().filter(pk__in=ids).values_list("pk", "name") if ids else ()
        url = choices_url("catalog_dataset", item.tenant_id)
        self.fields["datasets"].widget = Choices(url, dict(named))


def _metadata_differences(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the change of metadata; the number 1 and the text "1" differ."""
    was = {pair["name"]: _typed(pair["value"]) for pair in before}
    names = {pair["name"] for pair in after}
    removed = [{"name": name} for name in was if name not in names]
    added = [pair for pair in after if was.get(pair["name"]) != _typed(pair["value"])]
    return {"metadata": {"remove": removed, "add": added}} if removed or added else {}


def _typed(value: Any) -> tuple[type, Any]:
    return type(value), plain(value) if isinstance(value, str) else value
