"""Password resets by mailed links."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.core import mail

from tenants.identity import outbox
from tenants.models import PasswordReset
from tenants.rows.fields import now
from tests.answers import assert_error, login, ok

NEW = "Forg0tten!x"


def _ask(world: Any, email: str = "owner@acme.example", tenant: str = "acme") -> Any:
    answer = world.anonymous.post("self/reset", query={"tenant": tenant}, json={"email": email})
    outbox.drain()
    return answer


def _link() -> dict[str, str]:
    """Return tenant and reset code from the link in the latest mail."""
    found = re.search(r"https?://\S+[?#](\S+)", str(mail.outbox[-1].body))
    assert found, mail.outbox[-1].body
    return {key: values[0] for key, values in parse_qs(found[1]).items()}


def _use(world: Any, link: dict[str, str], password: str = NEW) -> Any:
    return world.anonymous.put("self", json=link | {"password": password})


@pytest.mark.promise("self.mail", "self.reset")
def test_a_mailed_link_sets_a_new_password(world: Any) -> None:
    ok(_ask(world))
    assert [message.to for message in mail.outbox] == [["owner@acme.example"]]
    assert _link()["tenant"] == "acme"
    ok(_use(world, _link()))
    ok(login(world.anonymous, "acme", "owner", NEW))
    assert_error(login(world.anonymous, "acme", "owner", "Passw0rd!x"), "authentication_error")


@pytest.mark.promise("self.mail")
@pytest.mark.parametrize(
    ("email", "tenant"),
    [("nobody@acme.example", "acme"), ("shared@acme.example", "rival"), ("owner@acme.example", "nowhere")],
)
def test_an_unknown_address_gets_the_same_answer_and_no_mail(world: Any, email: str, tenant: str) -> None:
    known, unknown = _ask(world), _ask(world, email, tenant)
    assert ok(known) == ok(unknown) == {"message": "request sent"}
    assert len(mail.outbox) == 1


@pytest.mark.promise("self.host")
def test_the_link_uses_the_configured_url_for_any_host_header(world: Any, settings: Any) -> None:
    settings.PUBLIC_URL = "https://models.example/registry/"
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Origin": "https://evil.example"}
    body = {"email": "owner@acme.example"}
    ok(world.anonymous.post("self/reset", query={"tenant": "acme"}, json=body, headers=forged))
    outbox.drain()
    assert "https://models.example/registry/reset.html#" in mail.outbox[-1].body
    assert "evil" not in mail.outbox[-1].body


@pytest.mark.promise("self.mail")
def test_a_reset_without_a_tenant_uses_the_default_tenant(world: Any, settings: Any) -> None:
    settings.DEFAULT_TENANT = "rival"
    ok(world.anonymous.post("self/reset", json={"email": "owner@rival.example"}))
    outbox.drain()
    assert _link()["tenant"] == "rival"


@pytest.mark.promise("self.mail")
def test_only_the_mail_contains_the_code(world: Any) -> None:
    response = _ask(world)
    assert _link()["reset"] not in response.body().decode()
    kept = PasswordReset.objects.values_list("digest", flat=True)
    assert _link()["reset"] not in kept


@pytest.mark.promise("self.mail")
def test_mails_are_limited(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = 2
    answers = [_ask(world).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    assert len(mail.outbox) == 2


@pytest.mark.promise("self.mail")
def test_a_mail_that_cannot_be_sent_does_not_reveal_that_a_user_exists(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ConnectionRefusedError("no mail server")

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", fail)
    known, unknown = _ask(world), _ask(world, "nobody@acme.example")
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())


@pytest.mark.promise("self.missing-email")
@pytest.mark.parametrize("body", [{}, {"email": ""}, {"email": None}, {"mail": "x"}])
def test_a_request_without_an_email_is_refused(world: Any, body: dict[str, Any]) -> None:
    assert_error(world.anonymous.post("self/reset", query={"tenant": "acme"}, json=body), "missing_email")
    assert mail.outbox == []


@pytest.mark.promise("self.missing-email")
def test_a_request_without_a_body_is_refused(world: Any) -> None:
    assert_error(world.anonymous.post("self/reset"), "missing_email")


@pytest.mark.promise("self.once")
def test_a_link_works_once(world: Any) -> None:
    ok(_ask(world))
    link = _link()
    ok(_use(world, link))
    assert_error(_use(world, link, "Another1!x"), "reset_invalid")
    ok(login(world.anonymous, "acme", "owner", NEW))


@pytest.mark.promise("self.once")
def test_using_a_link_ends_the_other_links_of_its_user(world: Any) -> None:
    ok(_ask(world))
    first = _link()
    ok(_ask(world))
    ok(_use(world, _link()))
    assert_error(_use(world, first, "Another1!x"), "reset_invalid")


@pytest.mark.promise("self.once")
def test_a_password_change_ends_earlier_links(world: Any) -> None:
    ok(_ask(world))
    ok(world.acme.owner.api.put("users/owner", json={"password": "Another1!x"}))
    assert_error(_use(world, _link()), "reset_invalid")


@pytest.mark.promise("self.once")
def test_an_expired_link_does_not_work(world: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ok(_ask(world))
    later = now() + settings.RESET_LIFETIME + timedelta(seconds=1)
    monkeypatch.setattr("tenants.identity.resets.now", lambda: later)
    assert_error(_use(world, _link()), "reset_invalid")


@pytest.mark.promise("self.once")
@pytest.mark.parametrize("change", [{"reset": "wrong"}, {"tenant": "rival"}, {"tenant": "nowhere"}])
def test_a_link_that_was_not_mailed_does_not_work(world: Any, change: dict[str, str]) -> None:
    ok(_ask(world))
    assert_error(_use(world, _link() | change), "reset_invalid")
    ok(login(world.anonymous, "acme", "owner", "Passw0rd!x"))


@pytest.mark.promise("self.once", "token.revoked")
def test_a_reset_ends_tokens_and_links_end_with_their_user(world: Any) -> None:
    ok(_ask(world))
    ok(_use(world, _link()))
    assert_error(world.acme.owner.api.get("models"), "authentication_error")
    ok(_ask(world))
    ok(world.acme.admin.api.delete("users/owner"))
    assert_error(_use(world, _link(), "Another1!x"), "reset_invalid")


@pytest.mark.promise("self.reset", "password.strength")
def test_a_weak_password_is_refused_and_the_link_stays_valid(world: Any) -> None:
    ok(_ask(world))
    assert_error(_use(world, _link(), "weak"), "put_request_error", "The password strength is Too weak")
    ok(_use(world, _link()))


@pytest.mark.promise("self.reset")
def test_a_reset_needs_a_body_with_code_and_password(world: Any) -> None:
    assert_error(world.anonymous.put("self"), "missing_info")
    assert_error(world.anonymous.put("self", json={"password": NEW}), "put_request_error", "`reset`")
    assert_error(world.anonymous.put("self", json={"reset": "x"}), "put_request_error", "`password`")
