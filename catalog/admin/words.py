"""Admin pages of tags and metadata names, with actions on several of them at once."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse

from catalog import curation
from catalog.admin.desk import CURATIONS, Curation
from catalog.admin.word_forms import NewTermsForm
from catalog.arrays import count_uses
from folksonomy.models import DIRECTIONS, USAGES, MetadataName, Tag
from folksonomy.services import delete_term
from tenants.admin.base import ServiceAdmin, ServiceForm, actor
from tenants.admin.lists import TenantFilter, choice_filter, created_column, fact, tenant_column
from tenants.exceptions import Refused
from tenants.models import User

AT_ONCE = 500  # terms per confirmation page


def _action(name: str) -> Callable[..., HttpResponseBase | None]:
    """Return the list action that runs this entry of CURATIONS."""

    def run(modeladmin: "TermAdmin", request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase | None:
        return modeladmin.curate(request, queryset, name)

    run.__name__ = name
    return admin.action(run, description=CURATIONS[name].label)


class TermAdmin(ServiceAdmin):
    """Common base of the pages of tags and metadata names."""

    form, add_form = ServiceForm, NewTermsForm
    choice_columns = ("name", "name")
    list_display: tuple[Any, ...] = (
        "name",
        tenant_column,
        "usage",
        fact("owner", "First used by"),
        fact("uses", "Items using it"),
        created_column,
    )
    list_filter: ClassVar[tuple[Any, ...]] = (TenantFilter, choice_filter("usage", USAGES))
    search_fields = ("name",)
    search_help_text = "Search by a part of the word"
    ordering = ("name", "id")
    readonly_fields: ClassVar[tuple[str, ...]] = ("name", "tenant", "usage", "owner", "uses", "created")
    actions = tuple(_action(name) for name in CURATIONS)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ("tenant", "words")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False for a word: only actions change words, after a preview of the effect on items."""
        return obj is None and super().has_change_permission(request)

    def facts(self, rows: Sequence[Any]) -> Mapping[str, Mapping[str, Any]]:
        names = User.objects.usernames({row.owner_id for row in rows if row.owner_id})
        return {"owner": {row.pk: names.get(row.owner_id) for row in rows}, "uses": count_uses(rows)}

    @admin.display(description="Items using it")
    def uses(self, term: Any) -> int:
        return count_uses([term])[term.pk]

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        tenant, words = data["tenant"], data["words"]
        made = curation.suggest_terms(self.model, names=words, by=actor(request, tenant.pk))
        if len(words) > 1:
            message = f"{len(made)} words are default now, {len(words) - len(made)} were already."
            self.message_user(request, message, messages.SUCCESS)
        return made[0] if made else self.model._default_manager.get(tenant=tenant, name=words[0])

    def remove(self, request: HttpRequest, obj: Any) -> None:
        delete_term(term=obj, by=actor(request, obj.tenant_id))

    def deletion(self, rows: Sequence[Any]) -> tuple[dict[str, int], list[str]]:
        uses = count_uses(rows)
        return super().deletion(rows)[0], [f"{row} is used by {uses[row.pk]} items" for row in rows if uses[row.pk]]

    def get_actions(self, request: HttpRequest) -> Any:
        """Return the actions of CURATIONS for these words; `delete_unused` replaces Django's `delete_selected`."""
        known = {name for name, each in CURATIONS.items() if each.only in (None, self.model)}
        return {name: each for name, each in super().get_actions(request).items() if name in known}

    def curate(self, request: HttpRequest, queryset: QuerySet[Any], name: str) -> HttpResponseBase | None:
        """Ask for input, preview the changes, and apply them once the user confirms."""
        each, terms = CURATIONS[name], list(queryset.order_by("name", "pk")[:AT_ONCE])
        if not terms:
            return None
        form = each.form(request.POST if "asked" in request.POST or not each.form.base_fields else None, terms=terms)
        ready = form.is_valid()
        if ready and "confirmed" in request.POST:
            self.apply(request, terms, each, form.cleaned_data)
            return None
        uses = count_uses(terms)
        effects = [
            (term, uses[term.pk], each.effect(term, form.cleaned_data, uses[term.pk]) if ready else "")
            for term in terms
        ]
        context = self.admin_site.each_context(request) | {
            "title": each.title,
            "curation": each,
            "action": name,
            "form": form,
            "ready": ready,
            "effects": effects,
            "opts": self.opts,
            "media": self.media + form.media,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/folksonomy/curate.html", context)

    def apply(self, request: HttpRequest, terms: Sequence[Any], each: Curation, data: dict[str, Any]) -> None:
        """Apply the action to every term. A refused term is reported and does not stop the others."""
        changed = 0
        for term in terms:
            before = copy(term)  # a deleted row has no key
            try:
                done = each.apply(term, data, actor(request, term.tenant_id))
            except Refused as refused:
                self.message_user(request, refused.details, messages.ERROR)
                continue
            if done is not None:
                changed += 1
                self.note_deletion(request, before) if each.deletes else self.log_change(request, *done)
        self.message_user(request, f"{each.title}: {changed} of {len(terms)} words changed.", messages.SUCCESS)


@admin.register(Tag)
class TagAdmin(TermAdmin):
    """Labels on models, datasets and algorithms."""


@admin.register(MetadataName)
class MetadataNameAdmin(TermAdmin):
    """Names under which models, datasets and algorithms carry a value."""

    list_display = (*TermAdmin.list_display[:3], "better", *TermAdmin.list_display[3:])
    list_filter: ClassVar = (*TermAdmin.list_filter, choice_filter("better", DIRECTIONS))
    readonly_fields: ClassVar = ("name", "tenant", "usage", "better", "owner", "uses", "created")
