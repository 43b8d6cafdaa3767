"""Markdown becomes HTML in which nothing can run and which loads nothing from elsewhere.

The hostile texts are of the classes that the test suites of sanitizers cover: scripts and handlers, addresses that run,
their encodings, elements of other namespaces, elements whose content browsers parse again, and broken markup.
"""

import time
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest

from registry_site.pages.markdown import LONGEST, REL, TAGS, render
from tests.catalog.items import create
from tests.client import BrowserClient

BASE = "/v1/models/1/versions/2/files/"
ALLOWED = {"href", "src", "alt", "title", "width", "height", "align", "style", "rel", "start", "open"}
RUN = "alert(1)"
CODED: tuple[str, ...] = ("javascript:", "JaVaScRiPt:", " javascript:", "\x01javascript:", "java\tscript:")
CODED += ("java\nscript:",)
CODED += ("&#106;avascript:", "&#x6A;avascript:", "javascript&colon;", "jav&#x0A;ascript:", "&#0000106avascript:")
CODED += ("vbscript:", "livescript:", "mocha:", "data:text/html,", "data:text/html;base64,", "data:image/svg+xml,")
CODED += ("file:///", "blob:", "filesystem:", "view-source:javascript:", "jar:", "feed:javascript:", "ws://")
HOSTILE = [
    f"<script>{RUN}</script>",
    f"<SCRIPT SRC=//evil.example/x.js></SCRIPT>{RUN}",
    f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    f"<script/x>{RUN}</script/x>",
    f"<script\n>{RUN}</script\n>",
    f"<<script>{RUN}//<</script>",
    f"<img src=x onerror={RUN}>",
    f'<img """><script>{RUN}</script>">',
    f"<img/src=x/onerror={RUN}>",
    f"<img src=x\x0conerror={RUN}>",
    f"<p onclick='{RUN}' ONMOUSEOVER=\"{RUN}\" onfocus={RUN} tabindex=1 autofocus>x</p>",
    f"<details open ontoggle={RUN}><summary>x</summary></details>",
    f"<a href='x' style='behavior:url(//evil.example/x.htc)' onpointerenter={RUN}>x</a>",
    "<p style='background:url(//evil.example/x.png)'>x</p>",
    "<td style='text-align:center;position:fixed'>x</td><table><td style='text-align:center;x:expression(1)'>y</table>",
    f"<style>@import '//evil.example/x.css'; p {{ x: expression({RUN}) }}</style>",
    f"<style><!--</style><script>{RUN}//--></script>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    f"<meta http-equiv=refresh content='0;url=javascript:{RUN}'>",
    "<meta charset=utf-7>+ADw-script+AD4-",
    "<base href=//evil.example/>",
    f"<iframe src=javascript:{RUN}></iframe><iframe srcdoc='<script>{RUN}</script>'></iframe>",
    f"<frameset><frame src=javascript:{RUN}></frameset>",
    f"<object data=javascript:{RUN}></object><embed src=javascript:{RUN}><applet code=x></applet>",
    f"<form action=javascript:{RUN}><button formaction=javascript:{RUN}>x</button><input type=image src=x></form>",
    f"<isindex type=image src=1 onerror={RUN}>",
    f"<video><source onerror={RUN}></video><audio src=x onerror={RUN}></audio>",
    f"<video poster=javascript:{RUN}//></video><bgsound src=javascript:{RUN}>",
    f"<body onload={RUN} background=//evil.example/x.png><table background=//evil.example/x.png></table>",
    f"<svg onload={RUN}><script>{RUN}</script></svg>",
    f"<svg><a xlink:href=javascript:{RUN}><text>x</text></a></svg>",
    f"<svg><animate attributeName=href values=javascript:{RUN} /></svg>",
    f"<svg><use href='data:image/svg+xml,<svg id=x><script>{RUN}</script></svg>#x'/></svg>",
    f"<svg><style><img src=x onerror={RUN}></style></svg>",
    f"<svg><![CDATA[><image xlink:href=']]><img src=x onerror={RUN}>//']]></svg>",
    f"<svg></p><style><a id='</style><img src=1 onerror={RUN}>'>",
    f"<math><mtext><table><mglyph><style><!--</style><img title='--><img src=1 onerror={RUN}>'>",
    f"<math><mi xlink:href=javascript:{RUN}>x</mi><annotation-xml encoding=text/html><script>{RUN}</script></math>",
    f"<form><math><mtext></form><form><mglyph><style></math><img src onerror={RUN}>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'></noscript>",
    f"<template><script>{RUN}</script></template><xmp><p title='</xmp><img src=x onerror={RUN}>'></xmp>",
    f"<textarea><img title='</textarea><img src=x onerror={RUN}>'></textarea>",
    f"<title><a title='</title><img src=x onerror={RUN}>'></title><noembed><img title='</noembed><script>{RUN}'>",
    f"<plaintext><script>{RUN}</script>",
    f"<select><template><script>{RUN}</script></select>",
    f"<!--><script>{RUN}</script>-->",
    f"<!--[if IE]><script>{RUN}</script><![endif]-->",
    f"<!-- --!><script>{RUN}</script> -->",
    f"<? echo('<scr'); ?><script>{RUN}</script>",
    f"<![CDATA[<script>{RUN}</script>]]>",
    f"<!DOCTYPE html [<!ENTITY x '<script>{RUN}</script>'>]>&x;",
    f"<xml id=x><i><b>&lt;img src=x onerror={RUN}&gt;</b></i></xml><span datasrc=#x dataformatas=html></span>",
    "<a id=forms name=cookie href=x>x</a><img name=body><form id=document>",
    "<img srcset='//evil.example/x.png 1x'><picture><source srcset=//evil.example/x.png></picture>",
    "<img src=//evil.example/x.png><img src=https://evil.example/x.png><img src='/\\evil.example/x.png'>",
    "<img src='\\\\evil.example\\x.png'><img src='/\t/evil.example/x.png'><img src='\n//evil.example/x.png'>",
    "<img src='///evil.example/x.png'><img src='https:evil.example/x.png'><img src='////evil.example'>",
    "<img src='http:/\\evil.example/x'><img src='https://[::1'><img src='&#47;&#47;evil.example/x.png'>",
    "![x](//evil.example/x.png) ![x](https://evil.example/x.png) ![x](/\\evil.example/x.png)",
    "![x][e]\n\n[e]: https://evil.example/x.png 'title'",
    f"![x](x 'y\" onerror={RUN} z=\"')",
    f"[x](x 'y\" onmouseover={RUN} z=\"')",
    f'![x" onerror={RUN} y="](x)',
    f"[x](<javascript:{RUN}>) [y](\tjavascript:{RUN})",
    f"[x]: javascript:{RUN}\n\n[x]",
    f'<javascript:{RUN}> <https://x/"onclick={RUN}>',
    f'```" onmouseover={RUN} x="\n<script>{RUN}</script>\n```',
    f"`<script>{RUN}</script>` \\<script>{RUN}\\</script>",
    f"| <script>{RUN}</script> | x |\n| - | - |\n| <img src=x onerror={RUN}> | ` |",
    f"> <script>\n> {RUN}\n> </script>",
    f"- <div\n  onclick={RUN}>x</div>",
    f"<div\n\nonclick={RUN}>\n\n*x*</div>",
    f"<{'b' * 1000} onclick={RUN}>",
    f"\ufeff<script>{RUN}</script>\u2028<img src=x onerror={RUN}>",
    *(f'<a href="{scheme}{RUN}">x</a> [y]({scheme}{RUN}) <img src="{scheme}{RUN}">' for scheme in CODED),
]


class Found(HTMLParser):
    """The elements of a page with their attributes. Fails at anything else than elements and texts."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment  # type: ignore[assignment]

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def _check_harmless(html: str) -> None:
    for tag, attributes in Found(html).elements:
        assert tag in TAGS, html
        assert set(attributes) <= ALLOWED, html
        assert urlsplit(attributes.get("href", "")).scheme in ("", "http", "https", "mailto"), html
        source = attributes.get("src", BASE)
        assert source.startswith("/") and not source.startswith("//") and "\\" not in source, html
        assert attributes.get("style", "text-align:center") == "text-align:center", html
        assert tag != "a" or attributes["rel"] == REL, html


@pytest.mark.promise("pages.markdown-safe")
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_description_runs(text: str) -> None:
    for around in ("{}", "x {} y", "# {}\n\n- {}\n\n> {}"):
        html = render(around.replace("{}", text), BASE)
        _check_harmless(html)
        _check_harmless(render(html, BASE))


@pytest.mark.promise("pages.markdown-safe")
def test_the_check_of_hostile_texts_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nh3.clean", lambda html, **_: html)
    failed = 0
    for text in HOSTILE:
        try:
            _check_harmless(render(text, BASE))
        except (AssertionError, KeyError, ValueError):
            failed += 1
    assert failed > len(HOSTILE) * 0.8


@pytest.mark.promise("pages.markdown-safe")
def test_links_have_a_rel_and_images_come_from_the_registry() -> None:
    text = "[a](https://x.example) [b](docs/b.md#c) [d](#e) <m@x.example> ![p](plots/p.png) ![q](../q.png) ![r](/r.png)"
    found = Found(render(f"{text} ![s](https://x.example/s.png)", BASE))
    assert [link["href"] for link in found.all("a")] == [
        "https://x.example",
        f"{BASE}docs/b.md#c",
        "#e",
        "mailto:m@x.example",
    ]
    assert {link["rel"] for link in found.all("a")} == {"nofollow noopener"}
    sources = [image.get("src") for image in found.all("img")]
    assert sources == [f"{BASE}plots/p.png", "/v1/models/1/versions/2/q.png", "/r.png", None]
    assert [image["alt"] for image in found.all("img")] == list("pqrs")


def test_common_markdown_is_rendered() -> None:
    text = "# A\n\n**b** *c* ~~d~~ `e`\n\n1. f\n\n```py\ng < h\n```\n\n| i | j |\n| :-: | - |\n| k | l |\n\n"
    text += "<details><summary>m</summary>n</details>"
    html = render(text)
    for part in (
        "<h1>A</h1>",
        "<strong>b</strong>",
        "<em>c</em>",
        "<s>d</s>",
        "<code>e</code>",
        "<li>f</li>",
        "g &lt; h",
        '<td style="text-align:center">k</td>',
        "<details><summary>m</summary>n</details>",
    ):
        assert part in html, part


@pytest.mark.parametrize("part", ["[", "![", "](", "<div>", "a\n", "*a_"])
def test_the_costliest_texts_are_rendered_in_bounded_time(part: str) -> None:
    start = time.process_time()
    render(part * (LONGEST // len(part)))
    assert time.process_time() - start < 20


def test_a_longer_text_is_cut() -> None:
    assert "end" not in render("a" * LONGEST + "end")


@pytest.mark.promise("pages.markdown")
def test_a_page_shows_the_rendered_description(world: Any) -> None:
    browser = BrowserClient("acme", "owner", world.password)
    item = create(browser, description="**bold** <script>alert(1)</script> &amp; <textarea>")
    page = browser.get(f"models/{item['_id']}", headers={"Accept": "text/html"}).body().decode()
    shown = page.partition('class="card prose"')[2].partition("</div>")[0]
    assert "<strong>bold</strong>" in shown and "script" not in shown
    assert "**bold** &lt;script&gt;alert(1)&lt;/script&gt; &amp;amp; &lt;textarea&gt;</textarea>" in page
    nothing = create(browser, name="without")
    assert "prose" not in browser.get(f"models/{nothing['_id']}", headers={"Accept": "text/html"}).body().decode()
