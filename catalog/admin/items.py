"""Admin pages of models, datasets and algorithms of all tenants: edit, share, download and delete."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import path, reverse

from catalog.admin.forms import DatasetForm, ItemForm
from catalog.models import STATUSES, VISIBILITIES, Algorithm, Dataset, Item, Model, has_word
from catalog.services import delete_item, update_item
from folksonomy.models import MetadataName, Tag
from tenants.admin.base import ServiceAdmin, actor
from tenants.admin.lists import Filter, TenantFilter, choice_filter, fact, short, tenant_column
from tenants.exceptions import Refused
from tenants.models import User
from versions.archives import whole
from versions.download import download
from versions.models import Version

SHOWN_TAGS = 8  # in a list
DESCRIPTION = ("name", "tenant_shown", "owner_shown", "before", "visibility")


class WordFilter(Filter):
    """The items that have a word; only shown if there is one, because the lists of words link here."""

    model: ClassVar[type[Tag | MetadataName]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        chosen = request.GET.get(str(self.parameter_name))
        return [(chosen, chosen)] if chosen else []

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(has_word(self.model, value))


class TagFilter(WordFilter):
    """The items that have a tag."""

    title = parameter_name = "tag"
    model = Tag


class MetadataFilter(WordFilter):
    """The items that have metadata of a name."""

    title = parameter_name = "metadata"
    model = MetadataName


WORD_FILTERS = (TagFilter, MetadataFilter)


class ItemAdmin(ServiceAdmin):
    """Common base of the pages of models, datasets and algorithms."""

    kind: ClassVar[str]
    form = ItemForm
    choice_columns = ("pk", "name")
    list_display: tuple[Any, ...] = (
        "name",
        tenant_column,
        fact("owner", "Owner"),
        "visibility",
        "status",
        "tags_shown",
        fact("versions", "Versions"),
        "changed",
    )
    list_filter: ClassVar[tuple[Any, ...]] = (
        TenantFilter,
        choice_filter("visibility", VISIBILITIES),
        choice_filter("status", STATUSES),
        *WORD_FILTERS,
    )
    search_fields = ("name",)
    search_help_text = "Search by a part of the name"
    ordering = ("-id",)
    readonly_fields = ("name", "tenant_shown", "owner_shown", "versions", "created", "changed")
    fieldsets = (
        (None, {"fields": (*DESCRIPTION, "status", "tags", "description")}),
        ("Metadata", {"fields": ("metadata",)}),
        ("Sharing and origin", {"fields": ("users", "datasets")}),
        ("Versions", {"fields": ("versions", "created", "changed")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(kind=self.kind)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: items are created through the API by a user of the tenant, who owns them."""
        return False

    # --- Columns and fields -----------------------------------------------------------------------------------------

    @admin.display(description="Tags")
    def tags_shown(self, item: Item) -> str:
        more = len(item.tags) - SHOWN_TAGS
        return ", ".join(item.tags[:SHOWN_TAGS]) + (f" and {more} more" if more > 0 else "")

    @admin.display(description="Changed", ordering="lastmod")
    def changed(self, item: Item) -> str:
        return short(item.lastmod)

    @admin.display(description="Tenant")
    def tenant_shown(self, item: Item) -> str:
        return item.tenant_id

    @admin.display(description="Owner")
    def owner_shown(self, item: Item) -> str:
        return User.objects.usernames({item.owner_id}).get(item.owner_id, "—")

    @admin.display(description="Files")
    def versions(self, item: Item) -> str:
        versions = Version.objects.of(item.tenant_id).filter(subject=item.pk).order_by("-timestamp", "-pk")
        url = f"admin:{self.opts.app_label}_{self.opts.model_name}_download"
        rows = [(version, reverse(url, args=[item.pk, version.pk])) for version in versions]
        return render_to_string("admin/catalog/versions.html", {"rows": rows})

    def facts(self, rows: Sequence[Item]) -> Mapping[str, Mapping[str, Any]]:
        names = User.objects.usernames({row.owner_id for row in rows})
        subjects = Version.objects.filter(subject__in=[row.pk for row in rows]).values_list("subject", flat=True)
        counts = Counter(subjects)
        return {
            "owner": {row.pk: names.get(row.owner_id) for row in rows},
            "versions": {row.pk: counts[row.pk] for row in rows},
        }

    # --- Writes -----------------------------------------------------------------------------------------------------

    def update(self, request: HttpRequest, obj: Item, data: dict[str, Any]) -> None:
        if data["changes"]:
            update_item(item=obj, by=actor(request, obj.tenant_id), changes=data["changes"])

    def remove(self, request: HttpRequest, obj: Item) -> None:
        delete_item(item=obj, by=actor(request, obj.tenant_id))

    def deletion(self, rows: Sequence[Item]) -> tuple[dict[str, int], list[str]]:
        versions = Version.objects.filter(subject__in=[row.pk for row in rows]).count()
        return super().deletion(rows)[0] | {"versions": versions}, []

    # --- Download ---------------------------------------------------------------------------------------------------

    def get_urls(self) -> Any:
        name = f"{self.opts.app_label}_{self.opts.model_name}_download"
        view = self.admin_site.admin_view(self.download_view, cacheable=True)
        return [path("<path:object_id>/versions/<version>/", view, name=name), *super().get_urls()]

    def download_view(self, request: HttpRequest, object_id: str, version: str) -> HttpResponseBase:
        """Return the bytes of a version, as the API does."""
        item = self.get_queryset(request).filter(pk=object_id).first()
        found = Version.objects.of(item.tenant_id).filter(pk=version, subject=item.pk).first() if item else None
        if found is None:
            raise Http404("No such version")
        try:
            return download(request, whole(found))
        except Refused as refused:
            return HttpResponse(refused.details, "text/plain", refused.status or 400, headers=refused.headers)
        except OSError:
            self.message_user(request, f"The bytes of {found.original} cannot be read.", messages.ERROR)
            return HttpResponseRedirect("../../change/")


@admin.register(Model)
class ModelAdmin(ItemAdmin):
    """Models."""

    kind = "model"


@admin.register(Algorithm)
class AlgorithmAdmin(ItemAdmin):
    """Algorithms."""

    kind = "algorithm"


@admin.register(Dataset)
class DatasetAdmin(ItemAdmin):
    """Datasets, which have neither a status nor datasets."""

    kind = "dataset"
    form = DatasetForm  # type: ignore[assignment]
    list_display = tuple(column for column in ItemAdmin.list_display if column != "status")
    list_filter = (*ItemAdmin.list_filter[:2], *WORD_FILTERS)
    fieldsets = (
        (None, {"fields": (*DESCRIPTION, "tags", "description")}),
        ("Metadata", {"fields": ("metadata",)}),
        ("Sharing", {"fields": ("users",)}),
        ("Versions", {"fields": ("versions", "created", "changed")}),
    )
