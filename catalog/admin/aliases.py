"""Admin pages of the rules that protect aliases, of the moves of aliases, and of proposals, of all tenants."""

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework import exceptions

from catalog.aliases.models import AliasMove, Proposal, ProtectionRule
from catalog.aliases.proposals import decide
from catalog.aliases.rules import change_rule, create_rule, delete_rule
from catalog.aliases.serializers import RuleInput
from catalog.models import KINDS, Item
from tenants.admin.base import ReadOnlyAdmin, ServiceAdmin, ServiceForm, actor
from tenants.admin.choices import Choices, ChoicesField, TenantField, choices_url
from tenants.admin.lists import Filter, TenantFilter, choice_filter, created_column, fact, short, tenant_column
from tenants.exceptions import Refused
from tenants.models import ROLES, User
from tenants.rest.collections import explain

LISTS = ("kinds", "tags", "roles", "users")
FIELDS = ("name", "aliases", *LISTS, "condition", "approvals")


def _boxes(texts: Any, help_text: str) -> forms.MultipleChoiceField:
    choices = [(text, text.capitalize()) for text in texts]
    return forms.MultipleChoiceField(
        choices=choices, required=False, help_text=help_text, widget=forms.CheckboxSelectMultiple
    )


class RuleForm(ServiceForm):
    """Editable fields of a rule; those that the user changed are checked as the API checks them."""

    name = forms.CharField(max_length=255, strip=False)
    aliases = forms.CharField(max_length=64, help_text="An alias, such as production. * stands for any characters.")
    kinds = _boxes(KINDS, "None: items of all kinds.")
    tags = ChoicesField(help_text="Items with any of these tags; none: all items.")
    roles = _boxes(ROLES, "Who may move the aliases and approve; no role and no user: who may change the item.")
    users = ChoicesField(help_text="Further users who may move the aliases and approve.")
    condition = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text='What a version must meet, as a filter: {"metadata.accuracy": {"$gte": 0.9}}',
    )
    approvals = forms.IntegerField(min_value=0, max_value=10, initial=0, help_text="By others than the author.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rule = self.instance
        if rule.tenant_id:
            self.initial.update({field: getattr(rule, field) for field in FIELDS if field != "aliases"})
            self.initial["aliases"] = rule.pattern
        labels = User.objects.usernames(set(rule.users)) if rule.users else {}
        self.fields["users"].widget = Choices(choices_url("tenants_user", rule.tenant_id or ""), labels, free=True)
        self.fields["tags"].widget = Choices(choices_url("folksonomy_tag", rule.tenant_id or ""), free=True)

    def clean_condition(self) -> Any:
        text = self.cleaned_data["condition"]
        try:
            return orjson.loads(text) if text.strip() else None
        except orjson.JSONDecodeError as error:
            raise ValidationError(f"The condition is not valid JSON: {error}") from None

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if self.errors:
            return data
        changed = set(self.changed_data) if self.instance.tenant_id else set(FIELDS)
        checked = RuleInput(data={field: data[field] for field in FIELDS if field in changed}, partial=True)
        try:
            checked.is_valid(raise_exception=True)
        except exceptions.ValidationError as error:
            raise ValidationError(explain(error)) from None
        return data | {"rule": dict(checked.validated_data)}


class NewRuleForm(RuleForm):
    """The fields of a new rule."""

    tenant = TenantField()
    field_order = ("tenant", *FIELDS)


@admin.register(ProtectionRule)
class ProtectionRuleAdmin(ServiceAdmin):
    """Rules that protect aliases: who may move which, to which versions, with how many approvals."""

    form, add_form = RuleForm, NewRuleForm
    list_display = ("name", tenant_column, "pattern", "approvals", created_column)
    list_filter = (TenantFilter,)
    search_fields = ("name", "pattern")
    search_help_text = "Search by name or alias"
    ordering = ("-id",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return FIELDS if obj else ("tenant", *FIELDS)

    def create(self, request: HttpRequest, data: dict[str, Any]) -> ProtectionRule:
        return create_rule(by=actor(request, data["tenant"].pk), fields=data["rule"])

    def update(self, request: HttpRequest, obj: ProtectionRule, data: dict[str, Any]) -> None:
        if data["rule"]:
            change_rule(rule=obj, by=actor(request, obj.tenant_id), fields=data["rule"])

    def remove(self, request: HttpRequest, obj: ProtectionRule) -> None:
        delete_rule(rule=obj, by=actor(request, obj.tenant_id))


class AliasFilter(Filter):
    """The rows of one alias; offers the usual names and the chosen one."""

    title, parameter_name, column = "alias", "alias", "alias"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(name, name) for name in dict.fromkeys(("production", "staging", self.value() or "production"))]


def _names(rows: Any) -> Mapping[str, Mapping[str, Any]]:
    """Return the names of the items of moves or proposals."""
    items = dict(Item.objects.filter(pk__in={row.subject for row in rows}).values_list("pk", "name"))
    return {"item": {row.pk: items.get(row.subject) for row in rows}}


@admin.register(AliasMove)
class AliasMoveAdmin(ReadOnlyAdmin):
    """The history of all aliases. Moves are made through the API and the pages, which rules govern."""

    list_display = ("time", fact("item", "Item"), "alias", "before", "ordinal", "actor_name", tenant_column)
    list_filter: ClassVar[Any] = (TenantFilter, AliasFilter)
    search_fields = ("alias", "actor_name")
    search_help_text = "Search by alias or username"
    ordering = ("-id",)
    fields: ClassVar[Any] = ("tenant", "subject", "alias", "number", "before", "ordinal", "sha256", "actor_name")
    fields += ("reason", "proposal", "timestamp", "until")
    readonly_fields = fields

    def facts(self, rows: Any) -> Mapping[str, Mapping[str, Any]]:
        return _names(rows)

    @admin.display(description="Time (UTC)", ordering="timestamp")
    def time(self, move: AliasMove) -> str:
        return short(move.timestamp)


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    """Proposals to move aliases. Superusers withdraw them as administrators do; approvals are for users."""

    list_display = (
        "alias",
        fact("item", "Item"),
        "ordinal",
        "status",
        "author_name",
        tenant_column,
        created_column,
    )
    list_filter: ClassVar[Any] = (
        TenantFilter,
        AliasFilter,
        choice_filter("status", ("open", "moved", "rejected", "withdrawn")),
    )
    search_fields = ("alias", "author_name")
    search_help_text = "Search by alias or username"
    ordering = ("-id",)
    actions: Any = ("withdraw",)
    fields: ClassVar[Any] = ("tenant", "subject", "alias", "ordinal", "sha256", "status", "author_name", "reason")
    fields += ("decisions", "timestamp", "lastmod")
    readonly_fields = fields

    def facts(self, rows: Any) -> Mapping[str, Mapping[str, Any]]:
        return _names(rows)

    @admin.action(description="Withdraw the selected proposals")
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Withdraw each of the proposals that is open. A refused one is reported and does not stop the others."""
        done = 0
        for proposal in queryset:
            item = Item.objects.of(proposal.tenant_id).filter(pk=proposal.subject).first()
            try:
                if item is not None:
                    decide(item=item, proposal=proposal, verb="withdraw", by=actor(request, proposal.tenant_id))
                    done += 1
            except Refused as refused:
                self.message_user(request, f"{proposal}: {refused.details}", messages.ERROR)
        self.message_user(request, f"{done} proposals were withdrawn.", messages.SUCCESS)
