"""Admin pages of tags and metadata names, with actions on several of them at once."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode

from catalog import curation
from catalog.admin.desk import CURATIONS, Curation
from catalog.admin.losses import Losses, losses_of
from catalog.admin.word_forms import NewTermsForm, TenantForm, TermForm
from catalog.admin.word_lists import PAGINATORS, UseFilter, WordList
from catalog.arrays import count_uses
from catalog.duplicate_viewsets import duplicates_of
from catalog.models import KINDS
from folksonomy.dismissals import dismiss, dismissed, propose_again
from folksonomy.models import DIRECTIONS, USAGES, MetadataName, Tag
from folksonomy.services import change_term, delete_term
from tenants.admin.base import ServiceAdmin, actor
from tenants.admin.lists import TenantFilter, choice_filter, created_column, fact, tenant_column
from tenants.exceptions import Refused
from tenants.models import User

MOST_CLUSTERS = 100  # on the page of duplicates
AT_ONCE = 500  # terms per confirmation page


def _action(name: str) -> Callable[..., HttpResponseBase | None]:
    """Return the list action that runs this entry of CURATIONS."""

    def run(modeladmin: "TermAdmin", request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase | None:
        try:
            return modeladmin.curate(request, queryset, name)
        except Refused as refused:  # what a merge would lose takes too long to count
            modeladmin.message_user(request, refused.details, messages.ERROR)
            return None

    run.__name__ = name
    return admin.action(run, description=CURATIONS[name].label)


class TermAdmin(ServiceAdmin):
    """Common base of the pages of tags and metadata names."""

    form, add_form = TermForm, NewTermsForm
    choice_columns, choice_order = ("name", "name"), ("usage",)  # `default` words before `folk` ones
    change_list_template = "admin/folksonomy/words.html"
    parameter: ClassVar[str]  # of the lists of items with a word
    list_display: tuple[Any, ...] = (
        "name",
        tenant_column,
        "usage",
        fact("owner", "First used by"),
        "uses",
        created_column,
    )
    list_filter: ClassVar[tuple[Any, ...]] = (TenantFilter, choice_filter("usage", USAGES), UseFilter)
    search_fields = ("name",)
    search_help_text = "Search by a part of the word"
    ordering = ("name", "id")
    readonly_fields: ClassVar[tuple[str, ...]] = ("name", "tenant", "usage", "owner", "used_in", "created")
    actions = tuple(_action(name) for name in CURATIONS)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.readonly_fields, "description", "synonyms") if obj else ("tenant", "words")

    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any) -> Any:
        """Return the pages of the words; those of the words by their uses if the list is sorted so."""
        paginator = PAGINATORS.get(request.GET.get(UseFilter.parameter_name, ""), self.paginator)
        return paginator(queryset, per_page, *args, **kwargs)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[WordList]:
        return WordList

    def get_urls(self) -> Any:
        name = f"{self.opts.app_label}_{self.opts.model_name}_duplicates"
        view = self.admin_site.admin_view(self.duplicates_view)
        return [path("duplicates/", view, name=name), *super().get_urls()]

    def duplicates_view(self, request: HttpRequest) -> HttpResponseBase:
        """Show the words of a tenant that probably mean the same, each group with a form that merges it."""
        form = TenantForm(request.GET if "tenant" in request.GET else None)
        found: Any = ({}, [], True)
        kept: list[list[str]] = []
        if form.is_valid():
            tenant_id = form.cleaned_data["tenant"].pk
            if request.method == "POST":
                self.dismiss(request, tenant_id)
            found, kept = duplicates_of(self.model, tenant_id), dismissed(self.model, tenant_id)
        terms, clusters, complete = found
        rows = [list(zip([terms[name] for name in each.words], each.uses, strict=True)) for each in clusters]
        context = self.admin_site.each_context(request) | {
            "title": f"Duplicate {self.opts.verbose_name_plural}",
            "form": form,
            "clusters": rows[:MOST_CLUSTERS],
            "count": len(rows),
            "complete": complete,
            "dismissed": kept[:MOST_CLUSTERS],
            "opts": self.opts,
            "media": self.media + form.media,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/folksonomy/duplicates.html", context)

    def dismiss(self, request: HttpRequest, tenant_id: str) -> None:
        """Note that the chosen words are no duplicates, or take that back."""
        chosen = self.model.objects.of(tenant_id).filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME)[:AT_ONCE])
        words = request.POST.getlist("word") or [term.name for term in chosen]
        change = propose_again if "word" in request.POST else dismiss
        try:
            change(self.model, tenant_id, words, by=actor(request, tenant_id))
        except Refused as refused:
            self.message_user(request, refused.details, messages.ERROR)
            return
        text = "Can be proposed again" if "word" in request.POST else "No longer proposed as duplicates"
        self.message_user(request, f"{text}: {', '.join(sorted(words))}", messages.SUCCESS)

    def facts(self, rows: Sequence[Any]) -> Mapping[str, Mapping[str, Any]]:
        names = User.objects.usernames({row.owner_id for row in rows if row.owner_id})
        return {"owner": {row.pk: names.get(row.owner_id) for row in rows}, "uses": count_uses(rows)}

    @admin.display(description="Items using it")
    def uses(self, term: Any) -> str:
        """Return the number of items, with a link to the models that have the word."""
        return format_html('<a href="{}">{}</a>', self.items_url("model", term), term.facts["uses"])

    @admin.display(description="Items using it")
    def used_in(self, term: Any) -> str:
        links = [(self.items_url(kind, term), f"{kind.capitalize()}s") for kind in KINDS]
        shown = format_html_join(", ", '<a href="{}">{}</a>', links)
        return format_html("{}: {}", count_uses([term])[term.pk], shown)

    def items_url(self, kind: str, term: Any) -> str:
        """Return the URL of the list of items of a kind that have the word."""
        query = urlencode({"tenant": term.tenant_id, self.parameter: term.name})
        return f"{reverse(f'admin:catalog_{kind}_changelist')}?{query}"

    def update(self, request: HttpRequest, obj: Any, data: dict[str, Any]) -> None:
        change_term(term=obj, changes=data, by=actor(request, obj.tenant_id))

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
        losses = losses_of(terms, form.cleaned_data.get("into")) if ready else Losses()
        confirmed = ready and "confirmed" in request.POST
        if confirmed and losses.are_confirmed(request.POST.get("values_lost", "")):
            self.apply(request, terms, each, form.cleaned_data | {"losses": losses.by_word})
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
            "losses": losses,
            "wrong": confirmed,
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

    parameter = "tag"


@admin.register(MetadataName)
class MetadataNameAdmin(TermAdmin):
    """Names under which models, datasets and algorithms carry a value."""

    parameter = "metadata"

    list_display = (*TermAdmin.list_display[:3], "better", *TermAdmin.list_display[3:])
    list_filter: ClassVar = (*TermAdmin.list_filter, choice_filter("better", DIRECTIONS))
    readonly_fields: ClassVar = ("name", "tenant", "usage", "better", "owner", "used_in", "created")
