"""SQLite has no timeout of statements: one thread of the process interrupts those that run past their deadline.

A progress handler would do the same in the statement's own thread, but it needs Python's interpreter lock each time: a
count of 10,000 rows beside busy threads would wait for it a hundred times.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

TICK = 0.05  # seconds between two looks at the deadlines


class Interrupts:
    """Interrupts connections from their deadline on, with each tick again, until their block ends."""

    def __init__(self) -> None:
        self.deadlines: dict[sqlite3.Connection, float] = {}
        self.changed = threading.Condition()
        self.thread: threading.Thread | None = None

    @contextmanager
    def after(self, connection: sqlite3.Connection, deadline: float) -> Iterator[None]:
        """Interrupt what the connection runs in the block after the deadline, and nothing that it runs later."""
        with self.changed:
            self.deadlines[connection] = deadline
            self._ensure_thread()
            self.changed.notify()
        try:
            yield
        finally:
            with self.changed:
                del self.deadlines[connection]

    def _ensure_thread(self) -> None:
        """Start the thread, which a forked process does not inherit."""
        if self.thread is None or not self.thread.is_alive():
            self.thread = threading.Thread(target=self._run, name="sqlite-interrupts", daemon=True)
            self.thread.start()

    def _run(self) -> None:
        while True:
            with self.changed:
                while not self.deadlines:
                    self.changed.wait()
                self._interrupt_late(time.monotonic())
            time.sleep(TICK)

    def _interrupt_late(self, now: float) -> None:
        for connection, deadline in self.deadlines.items():
            if deadline <= now:
                with suppress(sqlite3.ProgrammingError):  # it was closed
                    connection.interrupt()


interrupts = Interrupts()
