"""A comparison as CSV, LaTeX or Markdown. Text of users cannot become a formula, a command or markup."""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import orjson
from django.http import HttpResponse

from tenants.rest.exports import cell

LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
} | {character: f"\\{character}" for character in "&%$#_{}"}
MARKDOWN = re.compile(r"([\\`*_{}\[\]|~$])")
SPACES = re.compile(r"\s+")


def label(column: Mapping[str, Any]) -> str:
    """Return the heading of a column: the item's name, and the ordinal of the version."""
    return f"{column['name']}@{column['version']}" if column["version"] is not None else str(column["name"])


def text_of(value: Any) -> str:
    """Return a value as text on one line; empty for null."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(text_of(each) for each in value)
    if isinstance(value, dict):
        return str(value.get("name") or value.get("_id") or f"{value.get('size')} bytes, {value.get('sha256')}")
    return SPACES.sub(" ", value).strip() if isinstance(value, str) else orjson.dumps(value).decode()


def latex_text(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def markdown_text(text: str) -> str:
    """Return the text with all that Markdown or HTML would interpret escaped."""
    escaped = MARKDOWN.sub(r"\\\1", text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_csv(data: Mapping[str, Any]) -> str:
    """Return a line for each field. The first two lines have the columns' headings and ids."""
    text = StringIO(newline="")
    columns = data["columns"]
    lines = [["field", *(label(column) for column in columns)], ["_id", *(column["_id"] for column in columns)]]
    lines += [[row["field"], *row["values"]] for row in data["rows"]]
    csv.writer(text).writerows([cell(value) for value in line] for line in lines)
    return text.getvalue()


def as_latex(data: Mapping[str, Any]) -> str:
    """Return a table for the package booktabs, with the best values in bold."""
    lines = [[latex_text(text) for text in ("field", *map(label, data["columns"]))]]
    for row in data["rows"]:
        values = [latex_text(text_of(value)) or "--" for value in row["values"]]
        values = [rf"\textbf{{{text}}}" if place in row["best"] else text for place, text in enumerate(values)]
        lines.append([latex_text(row["field"]), *values])
    head, *body = [f"{' & '.join(line)} \\\\" for line in lines]
    begin = rf"\begin{{tabular}}{{l{'r' * len(data['columns'])}}}"
    return "\n".join([begin, r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}", ""])


def as_markdown(data: Mapping[str, Any]) -> str:
    """Return a table of GitHub's Markdown, with the best values in bold."""
    lines = [["field", *(markdown_text(text_of(label(column))) for column in data["columns"])]]
    lines.append(["---", *("---:" for _ in data["columns"])])
    for row in data["rows"]:
        values = [markdown_text(text_of(value)) for value in row["values"]]
        values = [f"**{text}**" if place in row["best"] else text for place, text in enumerate(values)]
        lines.append([markdown_text(text_of(row["field"])), *values])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Format:
    """How a comparison is written: media type, ending of the file, and text."""

    media_type: str
    ending: str
    text: Callable[[Mapping[str, Any]], str]


FORMATS = {
    "csv": Format("text/csv", "csv", as_csv),
    "latex": Format("application/x-latex", "tex", as_latex),
    "markdown": Format("text/markdown", "md", as_markdown),
}


def file_of(data: Mapping[str, Any], form: Format) -> HttpResponse:
    """Return the comparison as a file."""
    response = HttpResponse(form.text(data).encode(), content_type=f"{form.media_type}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="comparison.{form.ending}"'
    return response


def names_of(fields: Sequence[str]) -> str:
    """Return names as they are listed in a query parameter."""
    return ",".join(fields) if not any("," in name for name in fields) else orjson.dumps(list(fields)).decode()
