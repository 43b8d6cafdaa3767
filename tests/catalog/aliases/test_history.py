"""What aliases pointed at, at any time: answers are compared with a model in plain Python."""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any

import pytest

from catalog.aliases import services
from catalog.aliases.models import AliasMove
from catalog.models import Item
from tenants.models import User
from tenants.rows.fields import iso, now
from tests.answers import assert_error, ok
from tests.catalog.items import create
from tests.remembered import remembered
from versions.models import Version

START = datetime(2026, 1, 1, tzinfo=UTC)
MOVES, DATES = 1000, 100
BY_SERVICE = 100  # of the moves; the others are rows such as it writes, for it takes a dozen queries for each
ITEMS, VERSIONS = 4, 5
ALIASES = ("production", "staging")


@dataclass
class Model:
    """The moves of each alias, in order: their time, and where the alias points since."""

    moves: dict[tuple[str, str], list[tuple[datetime, str | None]]] = field(default_factory=dict)

    def add(self, item: str, alias: str, at: datetime, ordinal: str | None) -> None:
        self.moves.setdefault((item, alias), []).append((at, ordinal))

    def at(self, item: str, alias: str, date: datetime) -> str | None:
        """Return the ordinal at a date."""
        return next((ordinal for at, ordinal in reversed(self.moves.get((item, alias), [])) if at <= date), None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[datetime]]:
    """The time of the moves, which the test sets."""
    time = [START]
    monkeypatch.setattr(services, "now", lambda: time[0])
    yield time


@pytest.fixture
def items(world: Any) -> list[str]:
    """Items with versions; the first half is private."""
    ids: list[str] = remembered(_models, world.acme.owner.api)
    return ids


def _models(api: Any) -> list[str]:
    ids: list[str] = []
    for number in range(ITEMS):
        visibility = "private" if number < ITEMS / 2 else "public"
        ids.append(create(api, name=f"m{number}", visibility=visibility)["_id"])
        for ordinal in range(1, VERSIONS + 1):
            ok(api.upload(f"models/{ids[-1]}/versions", f"{ordinal}.bin", f"{ids[-1]} {ordinal}".encode()))
    return ids


def made_at_random(world: Any, items: list[str], clock: list[datetime]) -> Model:
    """Move aliases at random, sometimes several in one millisecond. The service makes the last moves."""
    choose, model, owner = random.Random(16), Model(), world.acme.owner
    stored = {item: Item.objects.get(pk=item) for item in items}
    for number in range(MOVES):
        if number == MOVES - BY_SERVICE:
            write_rows(model, owner)
        clock[0] += timedelta(milliseconds=choose.choice((0, 0, 1, 5, 1000, 86_400_000)))
        item, alias = choose.choice(items), choose.choice(ALIASES)
        present = model.at(item, alias, clock[0])
        ordinal = None if present and choose.random() < 0.2 else str(choose.randint(1, VERSIONS))
        if number >= MOVES - BY_SERVICE:
            move(item=stored[item], alias=alias, by=owner, version=ordinal)
        if ordinal != present:
            model.add(item, alias, clock[0], ordinal)
    return model


def move(*, version: str | None, **options: Any) -> None:
    if version:
        services.move_alias(**options, version=version)
    else:
        services.remove_alias(**options)


def write_rows(model: Model, by: User) -> None:
    """Write the moves, and where they leave the aliases of the items, as the service does."""
    versions = {(version.subject, version.ordinal): version for version in Version.objects.all()}
    by_whom = {"tenant_id": by.tenant_id, "actor_id": by.pk, "actor_name": by.username}
    rows, aliases = [], defaultdict[str, list[dict[str, str]]](list)
    for (item, alias), moves in sorted(model.moves.items()):
        before, ends = None, [*(at for at, _ in moves[1:]), None]
        for number, ((at, ordinal), until) in enumerate(zip(moves, ends, strict=True), 1):
            row = AliasMove(subject=item, alias=alias, number=number, timestamp=at, until=until, **by_whom)
            if ordinal:
                row.version, row.sha256 = versions[item, ordinal].pk, versions[item, ordinal].sha256
            row.before, row.ordinal, before = before, ordinal, ordinal
            rows.append(row)
        if before:
            aliases[item].append({"name": alias, "value": before})
    AliasMove.objects.bulk_create(rows)
    for item, column in aliases.items():
        Item.objects.filter(pk=item).update(aliases=column)


def dates(model: Model, end: datetime) -> Iterator[datetime]:
    """Yield dates at random, some of them the moments of moves, and the milliseconds before and after."""
    choose = random.Random(3)
    moments = [at for moves in model.moves.values() for at, _ in moves]
    for number in range(DATES):
        if number % 2:
            yield choose.choice(moments) + timedelta(milliseconds=choose.choice((-1, 0, 1)))
        else:
            seconds = round((end - START).total_seconds() * choose.uniform(-0.01, 1.01), 3)
            yield START + timedelta(seconds=seconds)


@pytest.mark.promise("aliases.at", "aliases.holders")
def test_every_date_has_the_versions_that_were_in_production_then(
    world: Any, items: list[str], clock: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.models.MANY_MOVES", MOVES // 4)  # early dates have fewer before and more after
    model = made_at_random(world, items, clock)
    owner, other = world.acme.owner.api, world.acme.other.api
    for number, date in enumerate(dates(model, clock[0])):
        query = {"at": iso(date) or ""}
        expected = {item: model.at(item, "production", date) for item in items}
        pointing = {item: ordinal for item, ordinal in expected.items() if ordinal}
        for api, readable in ((owner, items), (other, items[ITEMS // 2 :])) if number % 4 == 0 else ((owner, items),):
            page = ok(api.get("aliases/production", query=query | {"limit": "50"}))
            found = {row["_id"]: row["version"] for row in page["docs"]}
            assert found == {item: ordinal for item, ordinal in pointing.items() if item in readable}, date
            assert page["totalDocs"] == len(found)
        item, alias = items[number % ITEMS], ALIASES[number % 3 % 2]
        ordinal = model.at(item, alias, date)
        response = owner.get(f"models/{item}/aliases/{alias}", query=query)
        assert (ok(response)["version"] if ordinal else response.status_code) == (ordinal or 404), (alias, date)
        response = owner.get(f"models/{item}/versions/@{alias}", query=query)
        assert response.body() == f"{item} {ordinal}".encode() if ordinal else response.status_code == 404
    for (item, alias), moves in model.moves.items():
        assert_chain(item, alias, [ordinal for _, ordinal in moves])
        history = ok(owner.get(f"models/{item}/aliases/{alias}/history", query={"limit": "1000"}))["docs"]
        assert [(each["timestamp"], each["to"]) for each in reversed(history)] == [(iso(at), to) for at, to in moves]


def assert_chain(item: str, alias: str, ordinals: list[str | None]) -> None:
    """Check that the moves follow each other without gaps, to these ordinals."""
    moves = list(AliasMove.objects.filter(subject=item, alias=alias).order_by("number"))
    assert [move.number for move in moves] == list(range(1, len(moves) + 1))
    assert [move.ordinal for move in moves] == ordinals
    assert [move.before for move in moves] == [None, *ordinals[:-1]]
    assert [move.until for move in moves] == [*(move.timestamp for move in moves[1:]), None]


@pytest.mark.promise("aliases.at")
def test_the_past_of_a_deleted_version_has_its_sha256_but_no_download(
    world: Any, items: list[str], clock: list[datetime]
) -> None:
    api, item = world.acme.owner.api, f"models/{items[0]}"
    for ordinal in ("1", "2"):
        clock[0] += timedelta(days=1)
        ok(api.put(f"{item}/aliases/production", json={"version": ordinal}))
    past = {"at": "2026-01-02T12:00:00Z"}
    assert api.get(f"{item}/versions/@production", query=past).body() == f"{items[0]} 1".encode()
    assert api.get(f"{item}/versions/@production", query=past).headers["Content-Location"].endswith("/versions/1")
    told = ok(api.get(f"{item}/aliases/production", query=past))
    ok(api.delete(f"{item}/versions/1"))
    api.upload(f"{item}/versions?ordinal=1", "other.bin", b"other bytes")
    assert_error(api.get(f"{item}/versions/@production", query=past), "resource_not_found")
    assert ok(api.get(f"{item}/aliases/production", query=past)) == told
    assert ok(api.get(f"{item}/aliases", query=past))["docs"] == [told]
    assert ok(api.get("aliases/production", query=past))["docs"][0]["sha256"] == told["sha256"]


@pytest.mark.promise("aliases.at")
def test_times_are_those_of_the_chain_even_if_a_clock_goes_back(
    world: Any, items: list[str], clock: list[datetime]
) -> None:
    api, item = world.acme.owner.api, f"models/{items[0]}"
    for ordinal, hour in (("1", 10), ("2", 9), ("3", 11)):
        clock[0] = START + timedelta(hours=hour)
        ok(api.put(f"{item}/aliases/production", json={"version": ordinal}))
    for time, version in (("10:00", "2"), ("10:59", "2"), ("11:00", "3")):
        at = {"at": f"2026-01-01T{time}Z"}
        assert ok(api.get(f"{item}/aliases/production", query=at))["version"] == version
    assert api.get(f"{item}/aliases/production", query={"at": "2026-01-01T09:30Z"}).status_code == 404


@pytest.mark.promise("aliases.at")
@pytest.mark.parametrize("at", ["yesterday", "2026-13-01", "1", "0000-01-01", "9999-12-31T23:59:59-23:59"])
def test_an_invalid_time_is_refused(world: Any, items: list[str], at: str) -> None:
    for path in (f"models/{items[0]}/aliases", f"models/{items[0]}/aliases/production", "aliases/production"):
        assert_error(world.acme.owner.api.get(path, query={"at": at}), "get_request_error", "at")
    assert_error(world.acme.owner.api.get(f"models/{items[0]}/versions/@p", query={"at": at}), "get_request_error")


@pytest.mark.promise("aliases.at", "history.exact")
def test_an_item_of_the_past_has_the_aliases_of_then(world: Any, items: list[str]) -> None:
    api, admin, path, states = world.acme.owner.api, world.acme.admin.api, f"models/{items[0]}", {}
    moves: list[dict[str, str]] = [{"version": "1"}, {"version": "2"}, {"version": "3"}]
    for change in (*moves, None):
        sleep(0.002)  # `at` tells milliseconds apart
        ok(api.put(f"{path}/aliases/production", json=change) if change else api.delete(f"{path}/aliases/production"))
        states[iso(now())] = ok(api.get(path))
        sleep(0.002)
        ok(api.put(f"{path}/aliases/cut", json={"version": str(len(states))}))
    sleep(0.002)
    states[iso(now())] = ok(api.get(path))
    assert [state["aliases"] for state in states.values()][-2:] == [{"cut": "3"}, {"cut": "4"}]
    for at, state in states.items():
        assert ok(api.get(path, query={"at": at})) == state
    ok(api.delete(path))
    for at, state in states.items():
        assert ok(admin.get(path, query={"at": at}))["aliases"] == state["aliases"], "also of a deleted item"
