"""Base classes of admin pages that write through services and list any number of rows quickly."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import path
from django.utils.text import capfirst

from tenants.admin.choices import choices_page
from tenants.admin.lists import QuickPaginator, short
from tenants.exceptions import Refused
from tenants.models import User


class ServiceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that a service saves; the form shows the service's error."""

    refusal: ClassVar[str] = ""

    class Meta:
        fields: ClassVar[tuple[str, ...]] = ()  # only the declared fields

    def clean(self) -> dict[str, Any]:
        if self.refusal:
            raise ValidationError(self.refusal)
        return super().clean() or self.cleaned_data

    def _post_clean(self) -> None:
        """Do not change the instance: the service validates and writes it."""

    def save(self, commit: bool = True) -> Any:
        return self.instance

    @property
    def changed_fields(self) -> dict[str, Any]:
        """Return the values that the user changed on the page, by field.

        Fields with `show_hidden_initial` also send the value that the page showed, so that concurrent changes by others
        do not count.
        """
        sent = {field for field in self.fields if self.add_initial_prefix(field) in self.data}
        unchanged = sent - set(self.changed_data)
        return {field: value for field, value in self.cleaned_data.items() if field not in unchanged}


def password_field(label: str, help_text: str) -> forms.CharField:
    """Return an optional password field."""
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(
        max_length=1024, required=False, strip=False, label=label, help_text=help_text, widget=widget
    )


class ServiceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists, forms and deletions of a model.

    Subclasses define `create`, `update` and `remove`, which call services, `facts` (computed columns of a list) and
    `deletion` (what a deletion removes, and the reasons that forbid it).
    """

    add_form: ClassVar[type[ServiceForm] | None] = None
    choice_columns: ClassVar[tuple[str, str] | None] = None  # (value, label) of a row as an option
    choice_order: ClassVar[tuple[str, ...]] = ()  # of options, before their label
    paginator = QuickPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # facets would count all rows once per choice
    list_per_page = 50
    list_max_show_all = 50
    actions_selection_counter = True

    # --- Writes: an error of a service is shown to the user, and nothing changes ------------------------------------

    def create(self, request: HttpRequest, data: dict[str, Any]) -> Model:
        raise NotImplementedError

    def update(self, request: HttpRequest, obj: Any, data: dict[str, Any]) -> None:
        raise NotImplementedError

    def remove(self, request: HttpRequest, obj: Any) -> None:
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            self.update(request, obj, form.changed_fields)
        else:
            vars(obj).update(vars(self.create(request, form.cleaned_data)))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Do nothing: the service saves everything."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Show the form, and again with the error if a service refuses it.

        Without Django's transaction: services have their own, and delete bytes after it commits.
        """
        try:
            return self._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[attr-defined]
        except Refused as refused:
            request.refusal = refused.details  # type: ignore[attr-defined]
            return self._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[attr-defined]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None and self.add_form is not None:
            kwargs["form"] = self.add_form
        form = super().get_form(request, obj, change, **kwargs)
        form.refusal = getattr(request, "refusal", "")  # type: ignore[attr-defined]
        return form

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        try:
            return self._delete_view(request, object_id, extra_context)  # type: ignore[attr-defined]
        except Refused as refused:
            return self.refused(request, refused)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        try:
            title = {"title": capfirst(str(self.opts.verbose_name_plural))}
            return super().changelist_view(request, title | (extra_context or {}))
        except Refused as refused:
            return self.refused(request, refused)

    def refused(self, request: HttpRequest, refused: Refused) -> HttpResponseBase:
        """Show the error on the page that the user came from."""
        self.message_user(request, refused.details, messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    @admin.display(description="Created")
    def created(self, row: Any) -> str:
        return short(row.timestamp)

    # --- Deletion ---------------------------------------------------------------------------------------------------

    def deletion(self, rows: Sequence[Any]) -> tuple[dict[str, int], list[str]]:
        """Return what is deleted, with counts by name, and the reasons that forbid it."""
        return {str(self.opts.verbose_name_plural): len(rows)}, []

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        rows = list(objs)
        counts, reasons = self.deletion(rows)
        return [str(row) for row in rows], counts, set(), reasons

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Do nothing: `delete_model` logs each deletion after it succeeded."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.remove(request, copy(obj))  # a deletion may clear the key
        self.note_deletion(request, obj)

    def note_deletion(self, request: HttpRequest, obj: Any) -> None:
        super().log_deletions(request, [obj])  # type: ignore[arg-type]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            self.delete_model(request, obj)

    # --- Lists ------------------------------------------------------------------------------------------------------

    def facts(self, rows: Sequence[Any]) -> Mapping[str, Mapping[str, Any]]:
        """Return the computed values of the page's rows by column and key, with a constant number of queries."""
        return {}

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        rows = list(changes.result_list)
        columns = self.facts(rows) if rows else {}
        for row in rows:
            row.facts = {name: values.get(row.pk) for name, values in columns.items()}
        changes.result_list = rows
        return changes

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow only the filters that the page offers."""
        return lookup in {filter_class.parameter_name for filter_class in self.list_filter}  # type: ignore[union-attr]

    def get_urls(self) -> Any:
        if self.choice_columns is None:
            return super().get_urls()
        name = f"{self.opts.app_label}_{self.opts.model_name}_choices"
        return [path("choices/", self.admin_site.admin_view(self.choices_view), name=name), *super().get_urls()]

    def choosable(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows offered as choices: those of the form's tenant."""
        return self.get_queryset(request).filter(tenant_id=request.GET.get("tenant", ""))

    def choices_view(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a page of the rows that match what the user types."""
        value, label = self.choice_columns or ("pk", "pk")
        return choices_page(request, self.choosable(request), value, label, self.choice_order)


class ReadOnlyAdmin(ServiceAdmin):
    """Lists and pages of a model that nobody changes here."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def actor(request: HttpRequest, tenant_id: str) -> User:
    """Return the calling superuser as an administrator of the tenant."""
    return cast(User, request.user).acting_in(tenant_id)
