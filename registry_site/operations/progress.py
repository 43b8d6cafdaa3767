"""How long commands tell how far they are."""

import time
from collections.abc import Callable

SECONDS = 5.0  # between lines of the same work


class Progress:
    """Says what is done, and every few seconds how far what is being done has come."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write
        self.said = time.monotonic()

    def step(self, text: str) -> None:
        """Say it unless something was said just now."""
        if time.monotonic() - self.said >= SECONDS:
            self.say(text)

    def say(self, text: str) -> None:
        self.write(text)
        self.said = time.monotonic()
