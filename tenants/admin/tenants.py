"""Tenants: create with a first administrator, change contact data, delete with all their data."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from tenants.admin.base import ServiceAdmin, ServiceForm, password_field
from tenants.admin.lists import fact
from tenants.identity.deletions import delete_tenant
from tenants.identity.emails import EmailFormField
from tenants.identity.services import CONTACT_FIELDS, TENANT_ID, create_tenant, update_tenant
from tenants.models import Tenant, User
from tenants.rows.hooks import hook

NEW_FIELDS = ("id", *CONTACT_FIELDS, "admin_username", "admin_password")


class TenantForm(ServiceForm):
    """A tenant's contact data."""

    organization = forms.CharField(max_length=255, required=False, show_hidden_initial=True)
    address = forms.CharField(max_length=255, required=False, show_hidden_initial=True)
    email = EmailFormField(max_length=255, label="E-mail", show_hidden_initial=True)
    phone = forms.CharField(max_length=64, required=False, show_hidden_initial=True)


class NewTenantForm(TenantForm):
    """A new tenant and its first administrator."""

    id = forms.CharField(max_length=64, label="Name", help_text="Letters, digits, dots, underscores and hyphens.")
    admin_username = forms.CharField(
        max_length=150,
        required=False,
        label="Administrator",
        help_text="Username of the first administrator; the default one if empty.",
    )
    admin_password = password_field("Password", "The administrator's; if empty, one is generated and shown once.")

    def clean_id(self) -> str:
        id = str(self.cleaned_data["id"])
        if not TENANT_ID.fullmatch(id):
            raise ValidationError("Letters, digits, dots, underscores and hyphens only.")
        if Tenant.objects.filter(pk=id).exists():
            raise ValidationError("A tenant of this name already exists.")
        return id


@admin.register(Tenant)
class TenantAdmin(ServiceAdmin):
    """Tenants with their usage."""

    form = TenantForm
    add_form = NewTenantForm
    choice_columns = ("pk", "pk")
    list_display = (
        "name",
        "organization",
        "email",
        fact("users", "Users"),
        fact("models", "Models"),
        fact("datasets", "Datasets"),
        fact("algorithms", "Algorithms"),
        fact("versions", "Versions"),
        fact("size", "Size"),
    )
    search_fields = ("id", "organization", "email")
    search_help_text = "Search by name, organization or e-mail"
    ordering = ("id",)

    @admin.display(description="Name", ordering="id")
    def name(self, tenant: Tenant) -> str:
        return tenant.pk

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("name", "created") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("name", *CONTACT_FIELDS, "created") if obj else NEW_FIELDS

    def choosable(self, request: HttpRequest) -> QuerySet[Any]:
        return self.get_queryset(request)

    def facts(self, rows: Sequence[Tenant]) -> Mapping[str, Mapping[str, Any]]:
        usage = hook("tenant_usage")([row.pk for row in rows])
        return usage | {"size": {pk: filesizeformat(size) for pk, size in usage["bytes"].items()}}

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Tenant:
        created = create_tenant(**data, by=cast(User, request.user))
        if created.generated_password:
            message = (
                f"The administrator of {created.tenant} is {created.admin.username}. "
                "Their password, shown only now: "
                f"{created.generated_password}"
            )
            self.message_user(request, message, messages.WARNING)
        return created.tenant

    def update(self, request: HttpRequest, obj: Tenant, data: dict[str, Any]) -> None:
        changes = {field: data[field] for field in CONTACT_FIELDS if field in data}
        update_tenant(tenant=obj, changes=changes, by=cast(User, request.user))

    def remove(self, request: HttpRequest, obj: Tenant) -> None:
        delete_tenant(tenant=obj, by=cast(User, request.user))

    def deletion(self, rows: Sequence[Tenant]) -> tuple[dict[str, int], list[str]]:
        usage = hook("tenant_usage")([row.pk for row in rows])
        counts = {name: sum(values.values()) for name, values in usage.items()}
        fixed = [f"{row} is the default tenant" for row in rows if row.pk == settings.DEFAULT_TENANT]
        return {"tenants": len(rows)} | counts, fixed
