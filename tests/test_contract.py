"""The contract's promises, their tests and the coverage table are consistent."""

from tests import promises


def test_every_promise_has_its_own_id() -> None:
    ids = promises.promises()
    assert len(ids) > 100
    assert sorted(ids) == sorted(set(ids))


def test_every_promise_is_kept_by_a_test() -> None:
    kept = promises.keepers()
    assert [id for id in promises.promises() if id not in kept] == []


def test_no_test_names_a_promise_that_is_not_in_the_contract() -> None:
    assert {id: tests for id, tests in promises.keepers().items() if id not in promises.promises()} == {}


def test_the_table_of_coverage_is_current() -> None:
    assert promises.COVERAGE.read_text() == promises.coverage(), "run: python -m tests.promises"
