"""Where people and words land: a tenant of ours, made if it is not there."""

import secrets
from collections.abc import Container, Iterable, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password

from catalog.models import Item
from folksonomy.models import USAGES, MetadataName, Tag
from folksonomy.services import suggest_term, use_terms
from registry_site.operations.importing.fitting import (
    Tell,
    fitting_email,
    fitting_key,
    fitting_text,
    fitting_username,
    fitting_word,
    key_of,
)
from registry_site.operations.importing.report import Report
from registry_site.operations.importing.shapes import Person, SourceTenant, Word
from tenants.exceptions import Refused
from tenants.identity.emails import email_key
from tenants.identity.services import create_tenant, create_user
from tenants.models import ROLES, Tenant, User

CONTACT = {"organization": 255, "address": 255, "email": 255, "phone": 64}
WORDS: dict[str, type[Tag] | type[MetadataName]] = {"tag": Tag, "metadata name": MetadataName}


class ImportTarget:
    """A tenant of ours, and what is known of it while others move in; where `dry`, nothing is written."""

    def __init__(self, tenant: Tenant, report: Report, *, dry: bool) -> None:
        self.tenant, self.report, self.dry = tenant, report, dry
        self.people: dict[str, User] = {}  # by their ids there
        self.datasets: dict[str, str] = {}  # ids there -> ids here
        here = User.objects.of(tenant.pk).filter(leaving=None)
        self.users: dict[str, User] = {user.pk: user for user in here}
        self.usernames = {user.username: user for user in self.users.values()}
        self.claimed = set(self.usernames)  # by those who are here, and by those who come
        self.emails = {email_key(user.email) for user in self.users.values()}
        self.items: dict[str, str] = dict(Item.objects.of(tenant.pk).values_list("pk", "kind"))
        self.names = set(Item.objects.of(tenant.pk).values_list("kind", "owner_id", "name"))

    @property
    def administrator(self) -> User:
        """The tenant's first administrator, who gets what nobody owns."""
        return min((user for user in self.users.values() if user.is_admin), key=lambda user: (user.timestamp, user.pk))

    def key_here(self, model: type[User] | type[Item], id: str, here: Container[str]) -> str:
        """Return the id that a record has here, or will have: its own, unless another tenant's has that."""
        key = fitting_key(id)
        other = key_of(self.tenant.pk, key)
        for each in (key, other):
            if each in here:
                return each
        return other if model.objects.filter(pk=key).exists() else key

    def know(self, user: User) -> None:
        """Take notice of a user who is here now."""
        self.users[user.pk] = self.usernames[user.username] = user
        self.claimed.add(user.username)
        self.emails.add(email_key(user.email))

    def owner(self, id: str, tell: Tell) -> User:
        """Return whose something is that was `id`'s."""
        if id not in self.people:
            tell(f"its owner {id or '(none)'} is not there, it is {self.administrator.username}'s now")
        return self.people.get(id) or self.administrator

    def bring_people(self, people: Sequence[Person]) -> None:
        """Bring all who are not here yet."""
        self.claimed |= {person.username for person in people}
        for done, person in enumerate(people, 1):
            if person.id not in self.people:
                self._bring_person(person)
            self.report.progress(f"{self.tenant.pk}: users", done, len(people))

    def _bring_person(self, person: Person) -> None:
        what, key = f"user {person.username!r} ({person.id})", self.key_here(User, person.id, self.users)
        namesake, username = self.usernames.get(person.username), fitting_username(person.username, self.claimed)
        if key in self.users:
            self.report.present("user")
            self.people[person.id] = self.users[key]
        elif namesake:
            self.report.changed("user", what, "a user of that name is here and stays; what was this one's is his")
            self.people[person.id] = namesake
        elif not username:
            self.report.left_out("user", what, "A name is not blank")
        else:
            self._create_person(person, what, key, username)

    def _create_person(self, person: Person, what: str, key: str, username: str) -> None:
        told: list[str] = []
        fields = _fields(person, key, username, self.emails, told.append)
        if self.dry:
            plain = {field: fields[field] for field in ("username", "role", "email")}
            user = User(tenant=self.tenant, id=key, **plain)
        else:
            try:
                user = create_user(tenant=self.tenant, check_strength=False, **fields)
            except Refused as refused:
                self.report.left_out("user", what, refused.details)
                return
        self.greet(person, user, told)

    def greet(self, person: Person, user: User, told: Sequence[str]) -> None:
        """Note that a person is here now, as `user`."""
        self.people[person.id] = user
        self.know(user)
        self.report.brought("user")
        if told:
            self.report.changed("user", f"user {person.username!r} ({person.id})", "; ".join(told))

    def bring_words(self, kind: str, words: Sequence[Word]) -> None:
        """Bring the tags or metadata names that are not here yet."""
        known = set(WORDS[kind].objects.of(self.tenant.pk).values_list("name", flat=True))
        for done, word in enumerate(words, 1):
            name, why = fitting_word(word.name)
            if why:
                self.report.left_out(kind, f"{kind} {word.name[:80]!r}", why)
            elif name in known:
                self.report.present(kind)
            else:
                self._create_word(kind, word, name)
                known.add(name)
            self.report.progress(f"{self.tenant.pk}: {kind}s", done, len(words))

    def _create_word(self, kind: str, word: Word, name: str) -> None:
        told: list[str] = []
        owner = self.owner(word.owner, told.append)
        if not word.owner:
            told.clear()  # words without an owner are usual
        if name != word.name:
            told.append(f"it is {name[:80]!r} now")
        if not self.dry:
            model: Any = WORDS[kind]
            if word.usage == USAGES[0]:
                suggest_term(model, name=name, by=owner, timestamp=word.timestamp)
            else:
                use_terms(model, [name], by=owner, timestamp=word.timestamp)
        self.report.brought(kind)
        if told:
            self.report.changed(kind, f"{kind} {word.name[:80]!r}", "; ".join(told))


def settle(house: SourceTenant, id: str, people: Sequence[Person], report: Report, *, dry: bool) -> ImportTarget:
    """Return the tenant `id` with those people in it; it is made, with its first administrator, if it is not there."""
    tenant = Tenant.objects.filter(pk=id).first()
    if tenant:
        report.present("tenant")
        landing = ImportTarget(tenant, report, dry=dry)
    else:
        landing = _build(house, id, people, report, dry)
    landing.bring_people(people)
    return landing


def _build(house: SourceTenant, id: str, people: Sequence[Person], report: Report, dry: bool) -> ImportTarget:
    first = next((each for each in people if each.role == "admin" and fitting_username(each.username, ())), None)
    landing, told = ImportTarget(Tenant(pk=id), report, dry=dry), list[str]()
    contact = {field: fitting_text(house.contact.get(field, ""), length) for field, length in CONTACT.items()}
    if first:
        username = fitting_username(first.username, {person.username for person in people})
        admin = _fields(first, landing.key_here(User, first.id, ()), username, (), told.append)
    else:
        admin = {"username": _free_name(settings.DEFAULT_TENANT_ADMIN_USERNAME, people)}
    user = User(tenant_id=id, username=admin["username"], role="admin")
    if not dry:
        made = create_tenant(
            id=id,
            **contact,
            passwordhash=house.passwordhash,
            database=fitting_text(house.database, 255),
            timestamp=house.timestamp,
            admin=admin,
        )
        landing.tenant, user = made.tenant, made.admin
        if not first:
            report.write(f"{id} had no administrator; {user.username} is, with the password {made.generated_password}")
    report.brought("tenant")
    landing.know(user)
    if first:
        landing.greet(first, user, told)
    return landing


def _free_name(name: str, people: Iterable[Person]) -> str:
    taken = {person.username for person in people}
    return next(each for each in (name, *(f"{name}-{n}" for n in range(2, len(taken) + 3))) if each not in taken)


def _fields(person: Person, key: str, username: str, emails: Container[str | None], tell: Tell) -> dict[str, Any]:
    """Return what `create_user` needs to make the user that a person was."""
    if not (person.bcrypt or person.clear):
        tell("the password cannot be brought, a new one must be set")
    if person.role not in ROLES:
        tell(f"the role {person.role!r} is unknown, it is regular now")
    if username != person.username:
        tell(f"the username cannot be, it is {username!r} now, which is needed to log in")
    secret = person.clear or secrets.token_urlsafe(32)
    return {
        "username": username,
        "password": "",
        "email": fitting_email(person.email, emails, tell),
        "role": person.role if person.role in ROLES else "regular",
        "validity_days": person.validity_days,
        "kept": {
            "id": key,
            "password": f"bcrypt${person.bcrypt}" if person.bcrypt else make_password(secret),
            "password_changed": person.password_changed,
            "timestamp": person.timestamp,
        },
    }
