"""What text that people read may not hold: one home of the rules, for all that services write."""

import re
from collections.abc import Callable, Iterable

from tenants.exceptions import Refused

# They turn the direction of what follows, so that a name can read as another one (`exe.csv` for `vsc.exe`). The marks
# that right-to-left writing needs (U+200E, U+200F, U+061C) are not among them.
TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def turning(text: str) -> str:
    """Return why people cannot tell things apart by the text, or nothing where they can."""
    return "No characters that turn the direction of reading" if TURNS.search(text) else ""


def unfit_name(text: str) -> str:
    """Return why the text cannot be a name that stands at the end of a URL too, or nothing where it can."""
    return turning(text) or ("A name does not end with a slash" if text.endswith("/") else "")


def refuse(texts: Iterable[str], why: Callable[[str], str], error: str) -> None:
    """Raise Refused with that error for the first of the texts that something speaks against."""
    for text in texts:
        complaint = why(text)
        if complaint:
            shown = TURNS.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)
            raise Refused(error, f"{complaint} ({shown[:300]})")
