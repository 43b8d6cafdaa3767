"""Email addresses of users: unique in any case, and only administrators learn that one is taken."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core import mail

from tenants.identity import outbox
from tenants.identity.emails import email_key
from tenants.identity.services import create_user
from tenants.models import User
from tests.answers import assert_error, ok

NEW = {"username": "new", "password": "Passw0rd!x"}
TAKEN = "a user with the same email already exists"
OWNERS = ["owner@acme.example", "OWNER@acme.example", "Owner@ACME.Example"]


def _email_of(name: str) -> str | None:
    return User.objects.of("acme").get(username=name).email


@pytest.mark.promise("users.unique")
@pytest.mark.parametrize("email", OWNERS)
def test_administrators_are_told_that_an_address_is_taken_in_any_case(world: Any, email: str) -> None:
    api = world.acme.admin.api
    assert_error(api.post("users", json=NEW | {"email": email}), "post_request_error", TAKEN)
    assert_error(api.put("users/shared", json={"email": email}), "put_request_error", TAKEN)
    ok(world.rival.admin.api.post("users", json=NEW | {"email": email}))


@pytest.mark.promise("users.taken-email")
@pytest.mark.parametrize("email", OWNERS)
def test_others_are_not_told_that_an_address_is_taken(world: Any, email: str) -> None:
    response = world.acme.shared.api.put("users/shared", json={"email": email, "password": "Another1!x"})
    assert_error(response, "put_request_error")
    assert not {"exists", "taken", "same", "owner"} & set(response.body().decode().lower().replace("@", " ").split())
    assert _email_of("shared") == "shared@acme.example"
    ok(world.acme.shared.api.get("models"))  # the password did not change either


@pytest.mark.promise("users.taken-email")
def test_attempts_at_taken_addresses_are_limited(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = 2
    api = world.acme.shared.api
    taken, free = {"email": "owner@acme.example"}, {"email": "free@acme.example"}
    assert [api.put("users/shared", json=taken).status_code for _ in range(2)] == [400, 400]
    assert_error(api.put("users/shared", json=free), "too_many_requests")
    ok(world.acme.other.api.put("users/other", json=free))


@pytest.mark.promise("users.taken-email")
def test_a_free_address_does_not_count_as_a_failure(world: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_LIMIT = settings.LOGIN_FAILURES_ADDRESS_LIMIT = 1
    for number in range(3):
        ok(world.acme.shared.api.put("users/shared", json={"email": f"free-{number}@acme.example"}))
        assert_error(world.acme.shared.api.put("users/shared", json={"email": "none"}), "put_request_error", "email")


@pytest.mark.promise("users.unique")
def test_an_address_is_kept_as_sent_and_its_case_can_be_changed(world: Any) -> None:
    for email in ("Shared.User@Acme.Example", "shared.user@acme.example"):
        ok(world.acme.shared.api.put("users/shared", json={"email": email}))
        assert _email_of("shared") == email
    ok(world.acme.shared.api.put("users/shared", json={"email": "else@acme.example"}))
    ok(world.acme.other.api.put("users/other", json={"email": "SHARED.user@acme.example"}))


@pytest.mark.promise("self.mail")
@pytest.mark.parametrize("email", OWNERS)
def test_a_reset_link_goes_to_the_address_as_the_user_has_it(world: Any, email: str) -> None:
    ok(world.anonymous.post("self/reset", query={"tenant": "acme"}, json={"email": email}))
    outbox.drain()
    assert [message.to for message in mail.outbox] == [["owner@acme.example"]]


def test_two_domains_that_case_folding_would_merge_stay_distinct() -> None:
    assert email_key("a@straße.example") != email_key("a@strasse.example")
    assert email_key(None) is email_key("") is None


@pytest.mark.promise("users.unique")
def test_users_who_shared_an_address_before_keep_it_and_their_links(world: Any) -> None:
    """Migrates a registry that compared addresses case-sensitively."""
    for number, name in enumerate(("first", "second")):
        create_user(tenant=world.acme.tenant, username=name, password="Passw0rd!x", email=f"{name}@acme.example")
        User.objects.filter(username=name).update(email=("Sam@acme.example", "sam@acme.example")[number])
    User.objects.all().update(email_key=None)
    import_module("tenants.migrations.0007_outgoing_mail_and_email_keys").fill(apps, None)
    keys = dict(User.objects.of("acme").values_list("username", "email_key"))
    assert (keys["first"], keys["second"], keys["owner"]) == ("sam@acme.example", None, "owner@acme.example")
    for email, name in (("Sam@acme.example", "first"), ("sam@acme.example", "second"), ("SAM@acme.example", "first")):
        mail.outbox.clear()
        ok(world.anonymous.post("self/reset", query={"tenant": "acme"}, json={"email": email}))
        outbox.drain()
        assert [f"the user {name}." in message.body for message in mail.outbox] == [True]
    assert_error(
        world.acme.admin.api.put("users/other", json={"email": "SAM@acme.example"}), "put_request_error", TAKEN
    )
    ok(world.acme.admin.api.put("users/second", json={"email": "second@acme.example"}))
    ok(world.acme.admin.api.put("users/first", json={"email": "first@acme.example"}))
    ok(world.acme.admin.api.put("users/second", json={"email": "SAM@acme.example"}))
