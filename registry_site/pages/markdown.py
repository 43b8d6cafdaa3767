"""Markdown as HTML in which nothing can run: descriptions of items, and README.md of folders.

Raw HTML in the Markdown is rendered too, because such texts often contain it. The sanitizer keeps only the elements and
attributes listed here; the pages' Content-Security-Policy is the second line of defence.
"""

import re
from functools import partial
from urllib.parse import urljoin, urlsplit

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

LONGEST = 100_000  # rendered characters; the costliest text takes 2 seconds
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
BLOCKS = "h1 h2 h3 h4 h5 h6 p div blockquote pre hr ul ol li dl dt dd details summary"
TABLES = "table caption thead tbody tfoot tr th td"
INLINE = "a img br em strong b i u s del ins code kbd samp var sub sup small mark span abbr q cite"
TAGS = {*BLOCKS.split(), *TABLES.split(), *INLINE.split()}
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height"},
    "ol": {"start"},
    "details": {"open"},
    "abbr": {"title"},
    **{tag: {"align", "colspan", "rowspan", "style"} for tag in ("th", "td")},
    **{tag: {"align"} for tag in ("p", "div", "h1", "h2", "h3")},
}
SCHEMES = {"http", "https", "mailto"}
ALIGNMENT = re.compile(r"text-align:(left|right|center)")  # what the renderer writes for the columns of a table
REL = "nofollow noopener"


def render(text: str, base: str = "/") -> SafeString:
    """Return the first `LONGEST` characters of a Markdown text as HTML that is safe in a page.

    Links get `rel`, and images are shown only from this registry. `base` is the path of the folder that relative links
    and images refer to.
    """
    html = nh3.clean(
        MARKDOWN.render(text[:LONGEST]),
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=partial(_attribute, base),
        url_schemes=SCHEMES,
        link_rel=REL,
    )
    return mark_safe(html)  # noqa: S308 - it is sanitized


def _attribute(base: str, tag: str, name: str, value: str) -> str | None:
    """Return the value of an attribute that the sanitizer allows, or None to remove it."""
    if name == "src":
        return _own_path(base, value)
    if name == "href" and not value.startswith("#"):
        return _resolved(base, value)
    if name == "style":
        return value if ALIGNMENT.fullmatch(value) else None
    return value


def _own_path(base: str, address: str) -> str | None:
    """Return the absolute path of an address on this registry, or None for any other address.

    Browsers read a backslash as a slash and skip line feeds and tabs, so `/\\host` would be another host.
    """
    if "\\" in address or any(character <= " " for character in address):
        return None
    path = _resolved(base, address)
    return path if path and path.startswith("/") and not path.startswith("//") else None


def _resolved(base: str, address: str) -> str | None:
    try:
        resolved = urljoin(base, address)
        return resolved if urlsplit(resolved).scheme in ("", *SCHEMES) else None
    except ValueError:  # such as an invalid IPv6 host
        return None
