"""The command `verify_ledger`: what it prints, and when it fails."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tenants.ledger.chains import seal_all
from tenants.models import Chain, Event
from tests.catalog.items import create


def _verify(*expect: str) -> str:
    out = StringIO()
    call_command("verify_ledger", *(f"--expect={text}" for text in expect), stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.promise("events.verified")
def test_it_tells_the_end_of_each_chain_which_must_still_be_there_later(world: Any) -> None:
    create(world.acme.owner.api)
    seal_all()
    printed = next(line for line in _verify().splitlines() if line.startswith("acme:"))
    assert printed == f"acme:1:{Event.objects.get(tenant_id='acme').hash} (1 events)"
    kept = printed.partition(" ")[0]
    create(world.acme.owner.api, name="more")
    seal_all()
    assert "No faults" in _verify(kept)


@pytest.mark.promise("events.verified")
def test_it_detects_a_chain_that_was_rebuilt(world: Any) -> None:
    create(world.acme.owner.api)
    seal_all()
    chain = Chain.objects.get(pk="acme")
    kept = f"acme:{chain.sequence}:{chain.hash}"
    Event.objects.of("acme").update(actor_name="another", sequence=None, hash="")
    Chain.objects.of("acme").delete()
    seal_all()
    assert "No faults" in _verify(), "who can write to the database can make a consistent chain"
    with pytest.raises(CommandError, match="1 faults"):
        _verify(kept)
    Event.objects.of("acme").delete()
    Chain.objects.of("acme").delete()
    with pytest.raises(CommandError, match="1 faults"):
        _verify(kept)


@pytest.mark.promise("events.verified")
@pytest.mark.parametrize("text", ["acme", "acme:x:y", "acme:1:"])
def test_it_refuses_an_invalid_end(db: None, text: str) -> None:
    with pytest.raises(CommandError, match="TENANT:SEQUENCE:HASH"):
        _verify(text)
