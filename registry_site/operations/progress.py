"""Progress messages of long commands."""

import time
from collections.abc import Callable

SECONDS = 5.0  # between messages about the same step


class Progress:
    """Writes completed steps, and the progress of the current step every few seconds."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write
        self.said = time.monotonic()

    def step(self, text: str) -> None:
        """Write a message unless the last one is recent."""
        if time.monotonic() - self.said >= SECONDS:
            self.say(text)

    def say(self, text: str) -> None:
        self.write(text)
        self.said = time.monotonic()
