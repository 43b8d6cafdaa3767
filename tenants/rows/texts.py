"""The rules for names: which characters a name must not contain, and how a name that breaks a rule is corrected.

Services refuse a name that breaks a rule. Imports, restores and migrations correct it and report the change.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256

from tenants.exceptions import Refused

LONGEST = 255  # characters of a name
LONGEST_USERNAME = 150
LONGEST_ORDINAL = 64
LONGEST_PATH = 1024  # characters of a file name with its folders; bytes of the path of a file in a folder
LONGEST_PART = 255  # bytes of a part of a path: what file systems can store
# The Unicode category Cc, and the two separators that JavaScript, Python and browsers treat as line ends. They break
# lists with one name per line, forms, headers, logs and terminals.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# They override the text direction, so that a name can look like another one (`exe.csv` for `vsc.exe`). The marks that
# right-to-left writing needs (U+200E, U+200F, U+061C) are allowed.
DIRECTION_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
UNREADABLE = re.compile(f"{CONTROLS.pattern}|{DIRECTION_OVERRIDES.pattern}")
INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})  # Unicode categories
FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and symbols that are invisible
ORDINAL = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}")
NOT_IN_ORDINALS = re.compile(r"[^A-Za-z0-9._-]+")
DOT_SEGMENTS = (".", "..")  # parts of a URL that clients resolve before sending it


def is_blank(text: str) -> bool:
    """Tell whether no character of the text is visible."""
    return all(character in FILLERS or unicodedata.category(character) in INVISIBLE for character in text)


def unreadable(text: str) -> str:
    """Return why the text is not safe to display, or an empty text. An empty text is safe."""
    if CONTROLS.search(text):
        return "No control characters, line feeds or tabs"
    return "No characters that turn the direction of reading" if DIRECTION_OVERRIDES.search(text) else ""


def unfit_title(text: str) -> str:
    """Return why the text cannot be a name, or an empty text."""
    return unreadable(text) or ("A name is not blank" if is_blank(text) else "")


def unfit_name(text: str) -> str:
    """Return why the text cannot be a name at the end of a URL, or an empty text."""
    if why := unfit_title(text):
        return why
    if text.endswith("/"):
        return "A name does not end with a slash"
    return "No part of a name is `.` or `..`" if _has_dot_segments(text) else ""


def unfit_file_name(text: str) -> str:
    """Return why the text cannot be a file name, possibly with folders, or an empty text."""
    if any(why := unfit_title(part) for part in text.split("/")):
        return why
    return "No part of a name is `.` or `..`" if _has_dot_segments(text) else ""


def unfit_path(text: str) -> str:
    """Return why the text cannot be the path of a file in a folder, or an empty text."""
    parts = text.split("/")
    if any(part in ("", *DOT_SEGMENTS) for part in parts):
        return "A path is relative, and no part of it is empty, `.` or `..`"
    if "\\" in text:
        return "The parts of a path are separated by `/`, it has no backslashes"
    if any(why := unfit_title(part) for part in parts):
        return why
    if not unicodedata.is_normalized("NFC", text):
        return "A path is in Unicode's normal form C (NFC)"
    if len(text.encode()) > LONGEST_PATH or any(len(part.encode()) > LONGEST_PART for part in parts):
        return f"A path has at most {LONGEST_PATH} bytes, each part of it {LONGEST_PART}"
    return ""


def clashing_paths(paths: Iterable[str]) -> str:
    """Return why the paths cannot be those of one folder on every file system, or an empty text."""
    known: dict[str, str] = {}
    for path in paths:
        key = _folded(path)
        if key in known:
            why = "A path is given twice" if known[key] == path else "Two paths differ in case alone"
            return f"{why} ({shown(known[key])} and {shown(path)})"
        known[key] = path
    for path in known.values():
        for end in (position for position, character in enumerate(path) if character == "/"):
            if other := known.get(_folded(path[:end]), ""):
                return f"A file is also a folder ({shown(other)} and {shown(path)})"
    return ""


def _folded(path: str) -> str:
    """Return what file systems that ignore case compare."""
    return unicodedata.normalize("NFC", path.casefold())


def unfit_ordinal(text: str) -> str:
    """Return why the text cannot be the ordinal of a version, or an empty text."""
    needed = f"An ordinal has 1 to {LONGEST_ORDINAL} letters, digits, `.`, `_` or `-`, and is neither `.` nor `..`"
    return "" if ORDINAL.fullmatch(text) else needed


def refuse(texts: Iterable[str], why: Callable[[str], str], error: str) -> None:
    """Raise Refused with the code `error` for the first text that breaks a rule."""
    for text in texts:
        if reason := why(text):
            raise Refused(error, f"{reason} ({shown(text)})")


def escaped(text: str) -> str:
    """Return the text with unsafe characters as `<U+000A>`, for messages, logs and terminals."""
    return UNREADABLE.sub(lambda match: f"<U+{ord(match[0]):04X}>", text)


def shown(text: str) -> str:
    """Return the first 300 characters of a text, escaped for messages."""
    return escaped(text[:300])


def mended_text(text: str, longest: int = LONGEST, filler: str = " ") -> str:
    """Return the text as one line: control characters become `filler`, direction overrides go, cut to `longest`."""
    if not UNREADABLE.search(text):
        return text[:longest]
    return CONTROLS.sub(filler, DIRECTION_OVERRIDES.sub("", text)).strip()[:longest]


def mended_title(text: str, otherwise: str, longest: int = LONGEST) -> str:
    """Return the text as a name, or `otherwise` if nothing of it is visible. A valid name stays the same."""
    mended = mended_text(text, longest)
    return otherwise if is_blank(mended) else mended


def mended_name(text: str, otherwise: str, longest: int = LONGEST) -> str:
    """Return the text as a name for the end of a URL, or `otherwise`. A valid name stays the same."""
    mended = mended_text(text, longest)
    if _has_dot_segments(mended):
        mended = "/".join(part for part in mended.split("/") if part not in DOT_SEGMENTS)
    mended = mended.rstrip("/")
    return otherwise if is_blank(mended) else mended


def mended_file_name(text: str, otherwise: str) -> str:
    """Return the text as a file name, possibly with folders, or `otherwise`. A valid name stays the same."""
    parts = (mended_text(part, LONGEST, "_").encode()[:LONGEST].decode(errors="ignore") for part in text.split("/"))
    kept = [part for part in parts if part not in DOT_SEGMENTS and not is_blank(part)]
    return "/".join(kept)[:LONGEST_PATH].rstrip("/") or otherwise


def mended_ordinal(text: str, otherwise: str) -> str:
    """Return the text as an ordinal, or `otherwise`. A valid ordinal stays the same."""
    if not unfit_ordinal(text):
        return text
    mended = NOT_IN_ORDINALS.sub("-", text).strip("-")[:LONGEST_ORDINAL]
    return otherwise if unfit_ordinal(mended) else mended


def alternatives(mended: str, sent: str, longest: int = LONGEST, behind: str = " ({})") -> Iterator[str]:
    """Give the corrected name, then unique alternatives with a suffix from the hash of the original text.

    Numbered suffixes would be tried one by one, which is slow for thousands of names that correct to the same one.
    """
    yield mended
    digest = sha256(sent.encode(errors="surrogatepass")).hexdigest()
    for length in range(8, len(digest) + 1, 8):
        suffix = behind.format(digest[:length])
        yield mended[: longest - len(suffix)] + suffix


def _has_dot_segments(text: str) -> bool:
    return "." in text and any(part in DOT_SEGMENTS for part in text.split("/"))
