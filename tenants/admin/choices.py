"""Autocomplete fields over a tenant's rows, for lists: Django's own autocomplete needs a foreign key."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.functional import lazy

from tenants.models import Tenant

PAGE_SIZE = 20  # options per page
MAX_PAGE = 500


def choices_url(model: str, tenant_id: str = "") -> str:
    """Return the URL of a model's options (`app_model`) within a tenant."""
    return f"{reverse(f'admin:{model}_choices')}?{urlencode({'tenant': tenant_id})}"


def choices_page(
    request: HttpRequest, rows: QuerySet[Any], value: str, label: str, order: Sequence[str] = ()
) -> JsonResponse:
    """Answer the options whose label contains the typed text, as select2 expects them, by `order` and then label."""
    term, page = request.GET.get("term", ""), request.GET.get("page", "1")
    number = min(int(page), MAX_PAGE) if page.isascii() and page.isdigit() and len(page) < 9 else 1
    start = (max(number, 1) - 1) * PAGE_SIZE
    matches = rows.filter(**{f"{label}__icontains": term}) if term else rows
    pairs = list(matches.order_by(*order, label, "pk").values_list(value, label)[start : start + PAGE_SIZE + 1])
    options = [{"id": id, "text": text} for id, text in pairs[:PAGE_SIZE]]
    return JsonResponse({"results": options, "pagination": {"more": len(pairs) > PAGE_SIZE}})


class Choice(forms.Select):
    """A choice from the options at `url`; `labels` are those of chosen values; `free` allows any text."""

    def __init__(self, url: str = "", labels: Mapping[str, str] | None = None, free: bool = False) -> None:
        super().__init__()
        self.url, self.labels, self.free = url, labels or {}, free

    def build_attrs(self, base_attrs: Any, extra_attrs: Any = None) -> Any:
        return super().build_attrs(base_attrs, extra_attrs) | {
            "class": "admin-autocomplete",
            "data-ajax--url": self.url,
            "data-ajax--delay": 250,
            "data-theme": "admin-autocomplete",
            "data-allow-clear": "false",
            "data-placeholder": "Type to search",
            "data-tags": "true" if self.free else "false",
        }

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        chosen = [text for text in value if text]
        blank = [] if self.allow_multiple_selected else [self.create_option(name, "", "", not chosen, 0)]
        options = [self.create_option(name, text, self.labels.get(text, text), True, 1) for text in chosen]
        return [(None, [*blank, *options], 0)]

    @property
    def media(self) -> forms.Media:
        return AutocompleteSelect(None, None).media + forms.Media(js=["registry/choices.js"])  # type: ignore[arg-type]


class Choices(Choice, forms.SelectMultiple):
    """Several choices from the options."""

    allow_multiple_selected = True


class ChoicesField(forms.MultipleChoiceField):
    """A list of texts, which the service validates."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=Choices, **kwargs)

    def valid_value(self, value: Any) -> bool:
        return True


class TenantField(forms.CharField):
    """A choice of a tenant."""

    def __init__(self, **kwargs: Any) -> None:
        url: Any = lazy(choices_url, str)("tenants_tenant")  # URLs are not loaded yet
        super().__init__(max_length=64, widget=Choice(url), **kwargs)

    def clean(self, value: Any) -> Any:
        tenant = Tenant.objects.filter(pk=super().clean(value)).first()
        if tenant is None:
            raise ValidationError("There is no such tenant.")
        return tenant
