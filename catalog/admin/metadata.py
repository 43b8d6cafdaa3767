"""Metadata as rows of a form: name, kind and value. Values keep their type."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

KINDS = {"text": "Text", "number": "Number", "truth": "True or false"}
TRUTHS = {"true": True, "false": False}
WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
Row = dict[str, Any]
BLANK: Row = {"name": "", "kind": "text", "value": ""}


def kind_of(value: Any) -> str:
    return "truth" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def row_of(pair: dict[str, Any]) -> Row:
    """Return the form row of a metadatum."""
    value = pair["value"]
    return {
        "name": pair["name"],
        "kind": kind_of(value),
        "value": value if isinstance(value, str) else json.dumps(value),
    }


def plain(text: str) -> str:
    """Return the text with `\\n` line ends; browsers send `\\r\\n`."""
    return text.replace("\r\n", "\n")


def value_of(row: Row) -> Any:
    """Return the typed value of a row. Raises ValidationError if the text is not of the chosen kind."""
    text = plain(row["value"])
    if row["kind"] == "text":
        return text
    text = text.strip()
    if row["kind"] == "truth" and text.lower() in TRUTHS:
        return TRUTHS[text.lower()]
    try:
        if row["kind"] == "number" and math.isfinite(float(text)):
            return int(text) if WHOLE.fullmatch(text) else float(text)
    except ValueError:
        pass
    wanted = "true or false" if row["kind"] == "truth" else "a number"
    raise ValidationError(f"The value of “{row['name']}” is not {wanted}.")


class MetadataWidget(forms.Widget):
    """A table of rows, of which the last is empty; a script adds more."""

    template_name = "admin/catalog/metadata.html"
    names_url = ""

    class Media:
        js = ("registry/metadata.js",)

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, None, attrs)
        rows: Sequence[Row] = [*(value or ()), BLANK]
        context["widget"] |= {"rows": rows, "kinds": KINDS.items(), "names_url": self.names_url}
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Row]:
        columns = [data.getlist(f"{name}-{part}") for part in ("name", "kind", "value")]
        removed = set(data.getlist(f"{name}-remove"))
        if len({len(column) for column in columns}) > 1:
            return [BLANK | {"name": "?", "kind": "?"}]  # no browser sends this
        rows = [dict(zip(("name", "kind", "value"), row, strict=True)) for row in zip(*columns, strict=True)]
        return [row for index, row in enumerate(rows) if row["name"] and str(index) not in removed]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False

    def id_for_label(self, id_: str) -> str:
        return ""  # the table has its own labels


class MetadataField(forms.Field):
    """Metadata: a list of names with values."""

    widget = MetadataWidget

    def clean(self, value: Any) -> list[dict[str, Any]]:
        errors, pairs = [], {}
        for row in value or ():
            if row["kind"] not in KINDS:
                errors.append("A value is text, a number, or true or false.")
            elif row["name"] in pairs:
                errors.append(f"“{row['name']}” is used twice.")
            else:
                try:
                    pairs[row["name"]] = value_of(row)
                except ValidationError as error:
                    errors += error.messages
        if errors:
            raise ValidationError(errors)
        return [{"name": name, "value": value} for name, value in pairs.items()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(initial != data)
