"""What an import tells while it runs and when it ends."""

from collections import Counter
from collections.abc import Callable

from tenants.rows.texts import escaped

BROUGHT, PRESENT, CHANGED, LEFT_OUT = "brought", "already here", "changed", "left out"
OUTCOMES = (BROUGHT, PRESENT, CHANGED, LEFT_OUT)
KINDS = ("tenant", "user", "tag", "metadata name", "dataset", "algorithm", "model", "version")
STEP = 100


class Report:
    """Counts what became of everything, and tells at once what could not be brought as it was."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self.counts: Counter[tuple[str, str]] = Counter()

    def write(self, line: str) -> None:
        """Write a line. What the other registry says of itself reaches no terminal as control characters."""
        self._write(escaped(line))

    def brought(self, kind: str) -> None:
        """Count one that is here now and was not before."""
        self.counts[kind, BROUGHT] += 1

    def present(self, kind: str) -> None:
        """Count one that was here before, and is left as it is."""
        self.counts[kind, PRESENT] += 1

    def changed(self, kind: str, what: object, why: str) -> None:
        """Tell of one that is brought, but not quite as it was."""
        self.counts[kind, CHANGED] += 1
        self.write(f"{CHANGED}: {what}: {why}")

    def left_out(self, kind: str, what: object, why: str) -> None:
        """Tell of one that is not brought."""
        self.counts[kind, LEFT_OUT] += 1
        self.write(f"{LEFT_OUT}: {what}: {why}")

    def progress(self, what: str, done: int, total: int) -> None:
        """Tell how far the work has come, now and then."""
        if done == total or done % STEP == 0:
            self.write(f"{what}: {done} of {total}")

    def summary(self) -> str:
        """Return the table of all counts."""
        kinds = [kind for kind in KINDS if any(self.counts[kind, outcome] for outcome in OUTCOMES)]
        rows = [[kind, *(str(self.counts[kind, outcome]) for outcome in OUTCOMES)] for kind in kinds]
        return "\n".join("".join(f"{cell:<14}" for cell in row).rstrip() for row in [["", *OUTCOMES], *rows])
