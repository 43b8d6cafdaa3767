"""Password strength and storage."""

from typing import Any

import pytest
from django.contrib.auth.hashers import identify_hasher

from tenants.identity.passwords import strength
from tenants.models import User
from tests.answers import assert_error, login, ok

LEVELS = [
    ("", 0),
    ("aaaaaaaaaaaaaa", 0),
    ("ab1de", 0),
    ("ab1def", 1),
    ("ABCdef", 1),
    ("aB1cdefgh", 1),
    ("aB1!def", 1),
    ("aB1!defg", 2),
    ("aB1!defgh", 2),
    ("aB1!defghi", 3),
    ("Passw0rd!x", 3),
]
NAMES = ("Too weak", "Weak", "Medium", "Strong")


@pytest.mark.promise("password.strength")
@pytest.mark.parametrize(("password", "level"), LEVELS)
def test_each_level_requires_kinds_of_characters_and_a_length(password: str, level: int) -> None:
    assert strength(password) == level


@pytest.mark.promise("password.strength")
@pytest.mark.parametrize(("password", "level"), [row for row in LEVELS if row[0]])
@pytest.mark.parametrize("least", [0, 1, 2, 3])
def test_a_password_below_the_minimum_strength_is_refused(
    world: Any, settings: Any, password: str, level: int, least: int
) -> None:
    settings.MIN_PASSWORD_STRENGTH = least
    validation_error = f"The password strength is {NAMES[level]}, please choose a stronger password"
    created = world.acme.admin.api.post("users", json={"username": "new", "password": password})
    changed = world.acme.owner.api.put("users/owner", json={"password": password})
    if level >= least:
        ok(created)
        ok(changed)
    else:
        assert_error(created, "post_request_error", validation_error)
        assert_error(changed, "put_request_error", validation_error)


@pytest.mark.promise("password.hashed")
def test_passwords_are_stored_as_salted_argon2_hashes(world: Any) -> None:
    ok(world.acme.admin.api.post("users", json=[{"username": f"u{n}", "password": "Same1!pass"} for n in range(2)]))
    kept = [user.password for user in User.objects.all()]
    assert len(set(kept)) == len(kept)
    assert {identify_hasher(each).algorithm for each in kept} == {"argon2"}


@pytest.mark.promise("password.hashed", "tenants.create")
@pytest.mark.parametrize("flag", [True, False, "true", "false"])
def test_passwords_are_hashed_even_if_the_tenant_disables_it(world: Any, flag: Any) -> None:
    body = {"_id": "clear", "email": "a@b.example", "passwordhash": flag, "admin_password": "pippo"}
    assert ok(world.operator.post("tenants", json=body))["passwordhash"] is (str(flag).lower() == "true")
    kept = User.objects.get(tenant_id="clear").password
    assert identify_hasher(kept).algorithm == "argon2"
    ok(login(world.anonymous, "clear", "admin", "pippo"))
