"""Forms for curating tags and metadata names."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from folksonomy.models import DIRECTIONS, LONGEST_DESCRIPTION, MetadataName, Tag
from folksonomy.serializers import TermInput
from folksonomy.synonyms import synonyms_of
from tenants.admin.base import ServiceForm
from tenants.admin.choices import Choice, TenantField, choices_url
from tenants.rows.texts import unfit_name


def valid_word(word: str) -> str:
    """Return the word. Raises ValidationError if the API would refuse it, before the user confirms."""
    checked = TermInput(data={"_id": word})
    if not checked.is_valid():
        raise ValidationError([f"{word}: {error}" for errors in checked.errors.values() for error in errors])
    if why := unfit_name(word):
        raise ValidationError(f"{word}: {why}")
    return word


class NewTermsForm(ServiceForm):
    """Words to suggest, one per line."""

    tenant = TenantField()
    words = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="One per line. Existing folk words become default; default words do not change.",
    )

    def clean_words(self) -> list[str]:
        lines = (line.strip() for line in self.cleaned_data["words"].splitlines())
        return [valid_word(line) for line in dict.fromkeys(lines) if line]


class TenantForm(forms.Form):
    """The tenant whose words are compared."""

    tenant = TenantField()


class TermForm(ServiceForm):
    """What a word means, and which other names stand for it."""

    description = forms.CharField(
        required=False, max_length=LONGEST_DESCRIPTION, widget=forms.Textarea(attrs={"rows": 3})
    )
    synonyms = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="One per line. Items that get one of them get this word instead, and filters find it.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            synonyms = synonyms_of([self.instance])[self.instance.pk]
            self.initial.update(description=self.instance.description, synonyms="\n".join(synonyms))

    def clean_description(self) -> str:
        return str(self.cleaned_data["description"]).replace("\r\n", "\n")

    def clean_synonyms(self) -> list[str]:
        lines = (line.strip() for line in self.cleaned_data["synonyms"].splitlines())
        return [valid_word(line) for line in dict.fromkeys(lines) if line]


class CurationForm(forms.Form):
    """Asks a curator for confirmation before terms change. Subclasses add fields."""

    def __init__(self, *args: Any, terms: list[Tag | MetadataName], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.terms = terms


class MergeForm(CurationForm):
    """Asks for the term into which the chosen terms are merged."""

    into = forms.CharField(max_length=255, strip=False, label="Merge into", widget=Choice)

    def __init__(self, *args: Any, terms: list[Tag | MetadataName], **kwargs: Any) -> None:
        super().__init__(*args, terms=terms, **kwargs)
        opts = terms[0]._meta
        url = choices_url(f"{opts.app_label}_{opts.model_name}", terms[0].tenant_id)
        self.fields["into"].widget = Choice(url)

    def clean(self) -> dict[str, Any]:
        if len({term.tenant_id for term in self.terms}) > 1:
            raise ValidationError("These words belong to several tenants; choose words of one tenant.")
        return self.cleaned_data

    def clean_into(self) -> Tag | MetadataName:
        first = self.terms[0]
        into = type(first).objects.of(first.tenant_id).filter(name=self.cleaned_data["into"]).first()
        if into is None:
            raise ValidationError("There is no such word in this tenant.")
        if all(term.pk == into.pk for term in self.terms):
            raise ValidationError("Choose a word other than the one to merge.")
        return into


class RenameForm(CurationForm):
    """Asks for the new name of one term."""

    name = forms.CharField(max_length=255, label="New name")

    def clean(self) -> dict[str, Any]:
        if len(self.terms) != 1:
            raise ValidationError("Choose one word to rename; to combine several words, merge them.")
        first, name = self.terms[0], self.cleaned_data.get("name")
        existing = type(first).objects.of(first.tenant_id).filter(name=name).first() if name else None
        return self.cleaned_data | {"into": existing}

    def clean_name(self) -> str:
        name = valid_word(str(self.cleaned_data["name"]))
        if name == self.terms[0].name:
            raise ValidationError("This is already its name.")
        return name


class DirectionForm(CurationForm):
    """Asks which values of metrics are better."""

    better = forms.ChoiceField(
        required=False,
        label="Better values are",
        choices=[("", "unknown"), *((direction, direction) for direction in DIRECTIONS)],
    )
