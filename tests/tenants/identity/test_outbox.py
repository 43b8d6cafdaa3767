"""The outbox: a request stores a mail, a thread sends it later, retries, and drops it after a while."""

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
    """A mail server that rejects every mail until the patch is undone."""
    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", _fail)
    return monkeypatch


def _at(monkeypatch: pytest.MonkeyPatch, later: timedelta) -> None:
    time = now() + later
    monkeypatch.setattr("tenants.identity.outbox.now", lambda: time)


@pytest.mark.promise("self.mail-time")
def test_a_request_runs_the_same_queries_whether_or_not_a_user_has_the_address(world: Any) -> None:
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
def test_no_row_ever_holds_the_secret_of_a_link(world: Any, down: pytest.MonkeyPatch) -> None:
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
def test_a_failed_mail_is_retried_with_backoff(world: Any, down: pytest.MonkeyPatch) -> None:
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
def test_a_mail_that_is_too_old_is_dropped_and_logged(
    world: Any, down: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _ask(world)
    outbox.drain()
    _at(down, outbox.GIVE_UP + timedelta(minutes=1))
    outbox.drain()
    assert OutgoingMail.objects.count() == 0
    assert "dropped after 1 attempts" in caplog.text
    assert KNOWN not in caplog.text


@pytest.mark.promise("self.mail-kept")
def test_a_failing_mail_does_not_block_others(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_only_one_of_two_concurrent_drains_sends(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_the_mail_of_a_killed_process_is_sent_after_its_lease(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _ask(world)
    assert outbox._lease(OutgoingMail.objects.get())
    outbox.drain()
    assert mail.outbox == []
    _at(monkeypatch, outbox.LEASE + timedelta(seconds=1))
    outbox.drain()
    assert len(mail.outbox) == 1


@pytest.mark.promise("self.mail-limit")
def test_the_valid_links_of_a_user_are_limited(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = settings.LOGIN_FAILURES_ADDRESS_LIMIT = 100
    for _ in range(7):
        _ask(world)
    outbox.drain()
    assert len(mail.outbox) == PasswordReset.objects.count() == 5
    PasswordReset.objects.update(expires=now())
    _ask(world)
    outbox.drain()
    assert len(mail.outbox) == 6
    assert PasswordReset.objects.count() == 1  # expired ones are deleted


@pytest.mark.promise("self.mail-limit")
def test_spellings_of_an_address_are_counted_together(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = 2
    spellings = (KNOWN, KNOWN.upper(), KNOWN.title())
    body = {"query": {"tenant": "acme"}}
    answers = [world.anonymous.post("self/reset", **body, json={"email": email}).status_code for email in spellings]
    assert answers == [200, 200, 429]


@pytest.mark.promise("self.mail")
@pytest.mark.parametrize("tenant", ["x" * 300, "a/b", "..", "no such\ntenant"])
def test_an_invalid_tenant_id_gets_the_same_answer(world: Any, tenant: str) -> None:
    _ask(world, tenant=tenant)
    assert OutgoingMail.objects.count() == 0


@pytest.mark.promise("tenants.delete")
def test_deleting_a_tenant_deletes_its_mails(world: Any) -> None:
    _ask(world, "owner@rival.example", "rival")
    ok(world.operator.delete("tenants/rival"))
    assert OutgoingMail.objects.count() == 0


@pytest.mark.promise("self.mail-limit")
def test_the_number_of_waiting_mails_is_limited(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenants.identity.outbox.MAX_WAITING", 2)
    for email in (KNOWN, UNKNOWN):
        _ask(world, email)
    for email in (KNOWN, UNKNOWN):
        response = world.anonymous.post("self/reset", query={"tenant": "acme"}, json={"email": email})
        assert_error(response, "too_many_requests")
    assert OutgoingMail.objects.count() == 2
