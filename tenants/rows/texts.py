"""The rules for names: what no name may hold, and what becomes of a name from elsewhere that breaks them.

Services refuse a name that breaks a rule. Imports, restores and migrations mend it and report the change.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256

from tenants.exceptions import Refused

LONGEST = 255  # characters of a name
LONGEST_USERNAME = 150
LONGEST_ORDINAL = 64
LONGEST_PATH = 1024  # characters of a file name with its folders
# The Unicode category Cc, and the two separators that end a line as a line feed does (JavaScript, Python and browsers
# agree). They break lists of one name a line, forms, headers, logs and terminals.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# They change the direction of what follows, so that a name can read as another one (`exe.csv` for `vsc.exe`). The marks
# that right-to-left writing needs (U+200E, U+200F, U+061C) are not among them.
TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
UNREADABLE = re.compile(f"{CONTROLS.pattern}|{TURNS.pattern}")
INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})  # Unicode categories
FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and symbols that are shown as nothing
ORDINAL = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}")
NOT_IN_ORDINALS = re.compile(r"[^A-Za-z0-9._-]+")
STEPS = (".", "..")  # parts of a URL that clients resolve before they send it


def is_blank(text: str) -> bool:
    """Tell whether nothing of the text is visible."""
    return all(character in FILLERS or unicodedata.category(character) in INVISIBLE for character in text)


def unreadable(text: str) -> str:
    """Return why people cannot read the text safely, or nothing. An empty text passes."""
    if CONTROLS.search(text):
        return "No control characters, line feeds or tabs"
    return "No characters that turn the direction of reading" if TURNS.search(text) else ""


def unfit_title(text: str) -> str:
    """Return why the text cannot be a name, or nothing."""
    return unreadable(text) or ("A name is not blank" if is_blank(text) else "")


def unfit_name(text: str) -> str:
    """Return why the text cannot be a name that a URL ends with, or nothing."""
    if why := unfit_title(text):
        return why
    if text.endswith("/"):
        return "A name does not end with a slash"
    return "No part of a name is `.` or `..`" if _has_steps(text) else ""


def unfit_file_name(text: str) -> str:
    """Return why the text cannot be the name of a file, which may lie in folders, or nothing."""
    if any(why := unfit_title(part) for part in text.split("/")):
        return why
    return "No part of a name is `.` or `..`" if _has_steps(text) else ""


def unfit_ordinal(text: str) -> str:
    """Return why the text cannot be the ordinal of a version, or nothing."""
    needed = f"An ordinal has 1 to {LONGEST_ORDINAL} letters, digits, `.`, `_` or `-`, and is neither `.` nor `..`"
    return "" if ORDINAL.fullmatch(text) else needed


def refuse(texts: Iterable[str], why: Callable[[str], str], error: str) -> None:
    """Raise Refused with that error for the first of the texts that breaks a rule."""
    for text in texts:
        if validation_error := why(text):
            raise Refused(error, f"{validation_error} ({shown(text)})")


def escaped(text: str) -> str:
    """Return the text with its unreadable characters as `<U+000A>`, safe for messages, logs and terminals."""
    return UNREADABLE.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def shown(text: str) -> str:
    """Return the start of a text that was sent, for messages."""
    return escaped(text[:300])


def mended_text(text: str, longest: int = LONGEST, filler: str = " ") -> str:
    """Return the text in one line: `filler` for each control character, no change of direction, cut to `longest`."""
    if not UNREADABLE.search(text):
        return text[:longest]
    return CONTROLS.sub(filler, TURNS.sub("", text)).strip()[:longest]


def mended_title(text: str, otherwise: str, longest: int = LONGEST) -> str:
    """Return the text as a name, or `otherwise` where nothing of it is visible. A name that breaks no rule stays."""
    mended = mended_text(text, longest)
    return otherwise if is_blank(mended) else mended


def mended_name(text: str, otherwise: str, longest: int = LONGEST) -> str:
    """Return the text as a name that a URL can end with, or `otherwise`. A name that breaks no rule stays."""
    mended = mended_text(text, longest)
    if _has_steps(mended):
        mended = "/".join(part for part in mended.split("/") if part not in STEPS)
    mended = mended.rstrip("/")
    return otherwise if is_blank(mended) else mended


def mended_file_name(text: str, otherwise: str) -> str:
    """Return the text as the name of a file, maybe in folders, or `otherwise`. A name that breaks no rule stays."""
    parts = (mended_text(part, LONGEST, "_").encode()[:LONGEST].decode(errors="ignore") for part in text.split("/"))
    kept = [part for part in parts if part not in STEPS and not is_blank(part)]
    return "/".join(kept)[:LONGEST_PATH].rstrip("/") or otherwise


def mended_ordinal(text: str, otherwise: str) -> str:
    """Return the text as an ordinal, or `otherwise`. An ordinal that breaks no rule stays."""
    if not unfit_ordinal(text):
        return text
    mended = NOT_IN_ORDINALS.sub("-", text).strip("-")[:LONGEST_ORDINAL]
    return otherwise if unfit_ordinal(mended) else mended


def alternatives(mended: str, sent: str, longest: int = LONGEST, behind: str = " ({})") -> Iterator[str]:
    """Give the mended name, then ones that tell it from others: with a part of the hash of what was sent behind it.

    Numbers would do, but whoever makes thousands of names that are mended to one would have each number tried.
    """
    yield mended
    digest = sha256(sent.encode(errors="surrogatepass")).hexdigest()
    for length in range(8, len(digest) + 1, 8):
        suffix = behind.format(digest[:length])
        yield mended[: longest - len(suffix)] + suffix


def _has_steps(text: str) -> bool:
    return "." in text and any(part in STEPS for part in text.split("/"))
