"""Users: members of tenants, and superusers of the admin site."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from tenants.admin.base import ServiceAdmin, ServiceForm, password_field
from tenants.admin.choices import TenantField
from tenants.admin.lists import Filter, TenantFilter, choice_filter, created_column, short, tenant_column
from tenants.identity.deletions import delete_user
from tenants.identity.emails import EmailFormField
from tenants.identity.passwords import validation_error
from tenants.identity.services import create_user, update_user
from tenants.models import ROLES, User

admin.site.unregister(Group)  # registered by `auth_admin`; the registry uses roles instead
__all__ = ["UserAdmin", "auth_admin"]


class UserForm(ServiceForm):
    """The fields of a user that can be changed."""

    email = EmailFormField(max_length=255, required=False, label="E-mail")
    role = forms.ChoiceField(choices=[(role, role.capitalize()) for role in ROLES])
    is_active: forms.BooleanField | None = forms.BooleanField(
        required=False,
        label="May log in",
        help_text="If unchecked, the user's logins and tokens are refused immediately.",
    )
    validity_days = forms.IntegerField(
        min_value=0, max_value=36500, label="Password validity", help_text="In days; 0 means unlimited."
    )
    password = password_field(
        "New password",
        "If empty, the password stays. A new password ends all existing tokens and reset links.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in ("email", "role", "is_active", "validity_days"):
            if field in self.fields:
                self.initial.setdefault(field, getattr(self.instance, field))
                self.fields[field].show_hidden_initial = True

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        weakness = validation_error(password) if password else None
        if weakness:
            raise ValidationError(weakness)
        return password


class NewUserForm(UserForm):
    """A new user of a tenant."""

    tenant = TenantField()
    username = forms.CharField(max_length=150, strip=False)
    is_active = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].required = True
        self.fields["password"].label, self.fields["password"].help_text = "Password", ""


class ActiveFilter(Filter):
    """Users who may, or may not, log in."""

    title, parameter_name, column = "may log in", "active", "is_active"
    values = [("yes", "Yes"), ("no", "No")]

    def narrow(self, queryset: Any, value: str) -> Any:
        return queryset.filter(is_active=value == "yes") if value in dict(self.values) else queryset.none()


@admin.register(User)
class UserAdmin(ServiceAdmin):
    """Users of all tenants."""

    form = UserForm
    add_form = NewUserForm
    choice_columns = ("pk", "username")
    list_display = ("username", tenant_column, "email", "role_shown", "is_active", created_column)
    list_filter = (TenantFilter, choice_filter("role", ROLES), ActiveFilter)
    search_fields = ("username", "email")
    search_help_text = "Search by username or e-mail"
    ordering = ("-id",)

    @admin.display(description="Role", ordering="role")
    def role_shown(self, user: User) -> str:
        return "Superuser" if user.is_superuser else user.role.capitalize()

    @admin.display(description="Tenant", empty_value="—")
    def tenant_shown(self, user: User) -> str | None:
        return user.tenant_id

    @admin.display(description="Password set")
    def password_set(self, user: User) -> str:
        return short(user.password_changed)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("username", "tenant_shown", "created", "password_set") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("tenant", "username", "email", "role", "password", "validity_days")
        changeable = ("email", "role", "is_active", "password", "validity_days")
        return ("username", "tenant_shown", *changeable, "password_set", "created")

    def create(self, request: HttpRequest, data: dict[str, Any]) -> User:
        return create_user(**data | {"email": data["email"] or None}, by=cast(User, request.user))

    def update(self, request: HttpRequest, obj: User, data: dict[str, Any]) -> None:
        changes = {field: value for field, value in data.items() if field != "password" or value}
        update_user(user=obj, by=cast(User, request.user), **changes)

    def remove(self, request: HttpRequest, obj: User) -> None:
        delete_user(user=obj, by=cast(User, request.user))
