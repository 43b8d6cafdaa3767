"""The table of metadata values holds exactly the values of all items and versions, after every kind of write."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog import curation
from catalog.models import Item, Value
from catalog.values import build_values
from folksonomy.models import MetadataName
from tests.answers import ok
from tests.catalog.items import create, read
from tests.versions.files import put_file
from versions.models import Version

VALUES: list[Any] = [1, 1.5, -3, 2**62, "text", "", "x" * 300, "日本語", True, False, 1e300]
METADATA = [{"name": f"n{number}", "value": value} for number, value in enumerate(VALUES)]


def _stored() -> list[tuple[Any, ...]]:
    columns = [field.attname for field in Value._meta.concrete_fields]
    return sorted(Value.objects.values_list(*columns))


def _check_table() -> None:
    """Fail unless the table is what it would be if it were built now."""
    stored = _stored()
    Value.objects.all().delete()
    build_values(Item, Version, Value)
    assert stored == _stored()
    assert len(stored) == sum(len(row.metadata) for model in (Item, Version) for row in model.objects.all())


@pytest.mark.promise("lists.sort-metadata")
def test_each_write_keeps_the_table_of_values(world: Any) -> None:
    api = world.acme.owner.api
    path = f"models/{create(api, metadata=METADATA)['_id']}"
    other = f"datasets/{create(api, 'datasets', metadata=METADATA[:2])['_id']}"
    _check_table()
    assert Value.objects.count() == len(METADATA) + 2
    change = {"remove": [{"name": "n0"}], "add": [{"name": "n1", "value": "now text"}, {"name": "new", "value": 1}]}
    ok(api.put(path, json={"metadata": change | {"update": [{"name": "n2", "new": {"name": "n3x", "value": True}}]}}))
    _check_table()
    ok(api.put(path, json={"metadata": {"add": [{"name": "new", "value": True}]}}))  # 1 and true differ
    _check_table()
    for ordinal in ("a", "b"):
        put_file(
            api, path, "f.bin", ordinal=ordinal, metadata='[{"name": "acc", "value": 0.5}, {"name": "n4", "value": 1}]'
        )
    _check_table()
    ok(
        api.patch(
            f"{path}/versions/a",
            json={"metadata": {"add": [{"name": "acc", "value": 0.75}], "remove": [{"name": "n4"}]}},
        )
    )
    _check_table()
    curation.rename_term(term=MetadataName.objects.get(tenant="acme", name="acc"), name="n1", by=None)
    curation.rename_term(term=MetadataName.objects.get(tenant="acme", name="n4"), name="n5", by=None)
    _check_table()
    assert read(api, path)["versions"][0]["metadata"] == [{"name": "n1", "value": 0.75}]
    ok(api.delete(f"{path}/versions/a"))
    _check_table()
    ok(api.delete(path))
    _check_table()
    assert set(Value.objects.values_list("item", flat=True)) == {other.partition("/")[2]}
    assert world.operator.delete("tenants/acme").status_code == 200
    assert not Value.objects.exists()


def test_a_check_finds_differences_and_rebuilds_the_table(world: Any, capsys: Any) -> None:
    api = world.acme.owner.api
    path = f"models/{create(api, metadata=METADATA)['_id']}"
    put_file(api, path, "f.bin", metadata='[{"name": "acc", "value": 0.5}]')
    call_command("check_integrity")
    before = _stored()
    Value.objects.filter(name="n0").update(number=7)
    Value.objects.filter(name="acc").delete()
    Value(id="x", tenant_id="acme", item="0" * 24, holder="0" * 24, list="model", name="x", type=0, number=0).save()
    with pytest.raises(CommandError, match="3 faults"):
        call_command("check_integrity")
    faults = capsys.readouterr().err
    for part in ("model", "version", "value x"):
        assert part in faults
    call_command("check_integrity", rebuild_values=True)
    assert _stored() == before
