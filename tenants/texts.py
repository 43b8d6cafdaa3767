"""What text that people read may not hold."""

import re

# They turn the direction of what follows, so that a name can read as another one (`exe.csv` for `vsc.exe`). The marks
# that right-to-left writing needs (U+200E, U+200F, U+061C) are not among them.
TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def turns(text: str) -> bool:
    """Tell whether a character of the text turns the direction of reading."""
    return TURNS.search(text) is not None
