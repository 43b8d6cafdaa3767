"""The outbox: a mail is written down in the request, sent later, tried again, and forgotten after a while."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.identity import outbox, resets
from tenants.models import OutgoingMail, PasswordReset
from tenants.rows.fields import now
from tests.answers import assert_error, ok
from tests.smtp import link_in

KNOWN, UNKNOWN = "owner@acme.example", "nobody@acme.example"


def _ask(world: Any, email: str = KNOWN, tenant: str = "acme") -> None:
    ok(world.anonymous.post("self/reset", query={"tenant": tenant}, json={"email": email}))


def _fail(*args: Any, **kwargs: Any) -> None:
    raise ConnectionRefusedError("no mail server")


@pytest.fixture
def down(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A mail server that takes nothing, until this is undone."""
    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", _fail)
    return monkeypatch


def _at(monkeypatch: pytest.MonkeyPatch, later: timedelta) -> None:
    time = now() + later
    monkeypatch.setattr("tenants.identity.outbox.now", lambda: time)


@pytest.mark.promise("self.mail-time")
def test_a_request_asks_the_database_the_same_whether_or_not_somebody_has_the_address(world: Any) -> None:
    shapes = []
    for email in (KNOWN, UNKNOWN):
        with CaptureQueriesContext(connection) as captured:
            _ask(world, email)
        shapes.append(len(captured.captured_queries))
    assert shapes[0] == shapes[1]
    assert mail.outbox == []
    assert OutgoingMail.objects.count() == 2
    outbox.drain()
    assert [message.to for message in mail.outbox] == [[KNOWN]]
    assert OutgoingMail.objects.count() == 0


@pytest.mark.promise("self.mail-secret")
def test_no_row_has_the_secret_of_a_link_at_any_time(world: Any, down: pytest.MonkeyPatch) -> None:
    _ask(world)
    outbox.drain()
    assert PasswordReset.objects.count() == 0  # until the link is in a mail
    down.undo()
    OutgoingMail.objects.update(due=now())
    outbox.drain()
    secret = link_in(str(mail.outbox[0].body))["reset"]
    rows = [*OutgoingMail.objects.values_list(), *PasswordReset.objects.values_list()]
    assert rows
    assert secret not in str(rows)


@pytest.mark.promise("self.mail-kept")
def test_a_mail_that_was_not_sent_is_tried_again_after_a_growing_pause(world: Any, down: pytest.MonkeyPatch) -> None:
    _ask(world)
    pauses, later = [], timedelta()
    for _ in range(4):
        outbox.drain()
        row = OutgoingMail.objects.get()
        pauses.append(round((row.due - now() - later).total_seconds()))
        later = row.due - now() + timedelta(milliseconds=100)
        _at(down, later)
    assert pauses == [5, 10, 20, 40]
    down.undo()
    OutgoingMail.objects.update(due=now())
    outbox.drain()
    assert len(mail.outbox) == 1
    assert OutgoingMail.objects.count() == 0


@pytest.mark.promise("self.mail-kept")
def test_a_mail_that_is_too_old_is_dropped_and_said_to_be(
    world: Any, down: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _ask(world)
    outbox.drain()
    _at(down, outbox.GIVE_UP + timedelta(minutes=1))
    outbox.drain()
    assert OutgoingMail.objects.count() == 0
    assert "given up after 1 tries" in caplog.text
    assert KNOWN not in caplog.text


@pytest.mark.promise("self.mail-kept")
def test_one_mail_that_fails_keeps_no_other_waiting(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    send = resets.mail_reset_link

    def send_but_one(*, tenant_id: str, email: str) -> None:
        if email == KNOWN:
            raise ValueError("something unforeseen")
        send(tenant_id=tenant_id, email=email)

    monkeypatch.setattr("tenants.identity.outbox.mail_reset_link", send_but_one)
    for email in (KNOWN, "shared@acme.example"):
        _ask(world, email)
    outbox.drain()
    assert [message.to for message in mail.outbox] == [["shared@acme.example"]]
    assert OutgoingMail.objects.get().email == KNOWN


@pytest.mark.promise("self.mail-kept")
def test_of_two_who_drain_one_sends(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _ask(world)
    send = resets.mail_reset_link

    def send_while_another_drains(**mail_: str) -> None:
        with monkeypatch.context() as patched:
            patched.setattr("tenants.identity.outbox.mail_reset_link", send)
            outbox.drain()
        send(**mail_)

    monkeypatch.setattr("tenants.identity.outbox.mail_reset_link", send_while_another_drains)
    stale = OutgoingMail.objects.get()
    outbox.drain()
    assert not outbox._lease(stale)
    assert len(mail.outbox) == 1


@pytest.mark.promise("self.mail-kept")
def test_what_a_killed_process_was_sending_is_sent_after_its_lease(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _ask(world)
    assert outbox._lease(OutgoingMail.objects.get())
    outbox.drain()
    assert mail.outbox == []
    _at(monkeypatch, outbox.LEASE + timedelta(seconds=1))
    outbox.drain()
    assert len(mail.outbox) == 1


@pytest.mark.promise("self.mail-limit")
def test_a_user_gets_no_more_links_than_may_be_good_at_once(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = settings.LOGIN_FAILURES_ADDRESS_LIMIT = 100
    for _ in range(7):
        _ask(world)
    outbox.drain()
    assert len(mail.outbox) == PasswordReset.objects.count() == 5
    PasswordReset.objects.update(expires=now())
    _ask(world)
    outbox.drain()
    assert len(mail.outbox) == 6
    assert PasswordReset.objects.count() == 1  # those that expired are gone


@pytest.mark.promise("self.mail-limit")
def test_spellings_of_an_address_are_counted_together(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = 2
    spellings = (KNOWN, KNOWN.upper(), KNOWN.title())
    body = {"query": {"tenant": "acme"}}
    answers = [world.anonymous.post("self/reset", **body, json={"email": email}).status_code for email in spellings]
    assert answers == [200, 200, 429]


@pytest.mark.promise("self.mail")
@pytest.mark.parametrize("tenant", ["x" * 300, "a/b", "..", "no such\ntenant"])
def test_what_cannot_be_a_tenant_gets_the_same_answer(world: Any, tenant: str) -> None:
    _ask(world, tenant=tenant)
    assert OutgoingMail.objects.count() == 0


@pytest.mark.promise("tenants.delete")
def test_mails_of_a_tenant_go_with_it(world: Any) -> None:
    _ask(world, "owner@rival.example", "rival")
    ok(world.operator.delete("tenants/rival"))
    assert OutgoingMail.objects.count() == 0


@pytest.mark.promise("self.mail-limit")
def test_a_flood_of_requests_fills_no_disk(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenants.identity.outbox.MOST_WAITING", 2)
    for email in (KNOWN, UNKNOWN):
        _ask(world, email)
    for email in (KNOWN, UNKNOWN):
        response = world.anonymous.post("self/reset", query={"tenant": "acme"}, json={"email": email})
        assert_error(response, "too_many_requests")
    assert OutgoingMail.objects.count() == 2
