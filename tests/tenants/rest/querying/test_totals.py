"""Concurrent requests for an unknown total count it once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any
from uuid import uuid4

import pytest

from tenants.rest.querying.page import total_of

WAITING = 8


class Rows:
    """Replaces a queryset. The first count blocks until `go_on` is set and then returns `outcome`."""

    def __init__(self, outcome: Callable[[], int]) -> None:
        self.outcome, self.counts = outcome, 0
        self.begun, self.go_on = Event(), Event()

    def count(self) -> int:
        self.counts += 1
        if self.counts > 1:
            return 7
        self.begun.set()
        assert self.go_on.wait(30)
        return self.outcome()


def _totals(rows: Any) -> tuple[BaseException | int, list[int]]:
    """Return the result of the first request, and of those that arrived while it counted."""
    key = uuid4()
    with ThreadPoolExecutor() as first, ThreadPoolExecutor(WAITING) as others:
        counting = first.submit(total_of, rows.count, "", lambda edition: key)
        assert rows.begun.wait(30)
        came = [Event() for _ in range(WAITING)]
        waiting = [
            others.submit(total_of, rows.count, "", lambda edition, came=came: (came.set(), key)[1]) for came in came
        ]
        assert all(event.wait(30) for event in came)
        rows.go_on.set()
        return counting.exception() or counting.result(), [one.result() for one in waiting]


def test_one_counts_while_the_others_wait() -> None:
    rows = Rows(lambda: 5)
    assert _totals(rows) == (5, [5] * WAITING)
    assert rows.counts == 1


def test_if_the_first_fails_the_others_count_themselves() -> None:
    failure = TimeoutError()

    def fail() -> int:
        raise failure

    assert _totals(Rows(fail)) == (failure, [7] * WAITING)


@pytest.mark.parametrize(("key", "totals"), [(None, [5, 7]), ("an edition", [5, 5])])
def test_a_total_without_a_key_is_not_kept(key: str | None, totals: list[int]) -> None:
    rows: Any = Rows(lambda: 5)
    rows.go_on.set()
    assert [total_of(rows.count, "", lambda edition: key) for _ in totals] == totals
