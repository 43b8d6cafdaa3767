"""Comparisons as CSV, LaTeX and Markdown: what users wrote cannot become a formula, a command or markup."""

import csv
import io
from typing import Any

import pytest

from catalog.compare.formats import latex_text, markdown_text
from tests.answers import ok
from tests.catalog.items import create
from tests.remembered import remembered

HOSTILE = "=cmd|' /C calc'!A0 \\input{/etc/passwd} <script>alert(1)</script> [x](javascript:1) **b** `c` $1$"
HOSTILE += " 50% a_b & # ~ ^\nnext"


@pytest.fixture
def ids(world: Any) -> str:
    made: str = remembered(_models, world)
    return made


def _models(world: Any) -> str:
    api = world.acme.owner.api
    for name, better in (("acc", "higher"), ("=f", None)):
        ok(world.acme.admin.api.post("metadata", json={"_id": name}))
        ok(world.acme.admin.api.put(f"metadata/{name}", json={"better": better}))
    values = ((0.5, HOSTILE, None), (0.75, "plain", True))
    return ",".join(
        create(
            api,
            name=name,
            metadata=[
                {"name": metric, "value": value}
                for metric, value in zip(("acc", "=f", "done"), row, strict=True)
                if value is not None
            ],
        )["_id"]
        for name, row in zip(("=a|b", "b_c"), values, strict=True)
    )


@pytest.mark.promise("compare.formats")
@pytest.mark.parametrize("options", [{"query": {"format": "csv"}}, {"headers": {"Accept": "text/csv"}}])
def test_a_spreadsheet_runs_no_formula(world: Any, ids: str, options: dict[str, Any]) -> None:
    options["query"] = options.get("query", {}) | {"ids": ids}
    response = world.acme.owner.api.get("compare", **options)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="comparison.csv"'
    lines = list(csv.reader(io.StringIO(response.body().decode(), newline="")))
    assert lines[0] == ["field", "'=a|b", "b_c"]
    assert lines[1] == ["_id", *ids.split(",")]
    assert lines[2:] == [
        ["metadata.=f", f"'{HOSTILE}", "plain"],
        ["metadata.acc", "0.5", "0.75"],
        ["metadata.done", "", "true"],
    ]


@pytest.mark.promise("compare.formats")
def test_latex_runs_no_command_and_has_the_best_value_in_bold(world: Any, ids: str) -> None:
    response = world.acme.owner.api.get("compare", query={"ids": ids, "format": "latex"})
    text = response.body().decode()
    assert response.headers["Content-Type"] == "application/x-latex; charset=utf-8"
    assert text.startswith("\\begin{tabular}{lrr}\n\\toprule\nfield & =a|b & b\\_c \\\\\n\\midrule\n")
    assert "metadata.acc & 0.5 & \\textbf{0.75} \\\\\n" in text
    assert "metadata.done & -- & true \\\\\n" in text
    assert r"\input" not in text
    assert latex_text("\\a{b}%$#_&~^<>") == (
        r"\textbackslash{}a\{b\}\%\$\#\_\&\textasciitilde{}\textasciicircum{}\textless{}\textgreater{}"
    )


@pytest.mark.promise("compare.formats")
def test_markdown_has_no_markup_of_users(world: Any, ids: str) -> None:
    response = world.acme.owner.api.get("compare", query={"ids": ids, "format": "markdown"})
    lines = response.body().decode().splitlines()
    assert response.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert lines[:2] == ["| field | =a\\|b | b\\_c |", "| --- | ---: | ---: |"]
    assert "| metadata.acc | 0.5 | **0.75** |" in lines
    assert "| metadata.done |  | true |" in lines
    assert len(lines) == 5
    assert "<script" not in lines[2]
    assert markdown_text("a|b *c* <d> [e] `f` &amp; \\") == (r"a\|b \*c\* &lt;d&gt; \[e\] \`f\` &amp;amp; \\")
