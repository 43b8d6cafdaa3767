"""Reports the progress and the results of an import."""

from collections import Counter
from collections.abc import Callable

from tenants.rows.texts import escaped

IMPORTED, EXISTING, CHANGED, LEFT_OUT = "imported", "existing", "changed", "left out"
OUTCOMES = (IMPORTED, EXISTING, CHANGED, LEFT_OUT)
KINDS = ("tenant", "user", "tag", "metadata name", "dataset", "algorithm", "model", "version", "alias")
STEP = 100


class Report:
    """Counts results by kind, and immediately writes a line for what was changed or left out."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self.counts: Counter[tuple[str, str]] = Counter()

    def write(self, line: str) -> None:
        """Write a line, with control characters from the other registry escaped."""
        self._write(escaped(line))

    def imported(self, kind: str) -> None:
        """Count an imported record."""
        self.counts[kind, IMPORTED] += 1

    def existing(self, kind: str) -> None:
        """Count a record that existed and stays as it is."""
        self.counts[kind, EXISTING] += 1

    def changed(self, kind: str, what: object, why: str) -> None:
        """Report a record that was imported with changes."""
        self.counts[kind, CHANGED] += 1
        self.write(f"{CHANGED}: {what}: {why}")

    def left_out(self, kind: str, what: object, why: str) -> None:
        """Report a record that was not imported."""
        self.counts[kind, LEFT_OUT] += 1
        self.write(f"{LEFT_OUT}: {what}: {why}")

    def progress(self, what: str, done: int, total: int) -> None:
        """Write the progress every STEP records and at the end."""
        if done == total or done % STEP == 0:
            self.write(f"{what}: {done} of {total}")

    def summary(self) -> str:
        """Return the table of all counts."""
        kinds = [kind for kind in KINDS if any(self.counts[kind, outcome] for outcome in OUTCOMES)]
        rows = [[kind, *(str(self.counts[kind, outcome]) for outcome in OUTCOMES)] for kind in kinds]
        return "\n".join("".join(f"{cell:<14}" for cell in row).rstrip() for row in [["", *OUTCOMES], *rows])
