"""The tenant that an import writes to, with its users, tags and metadata names."""

import secrets
from collections.abc import Container, Iterable, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password

from catalog.models import Item
from folksonomy.models import USAGES, MetadataName, Tag
from folksonomy.services import import_term, suggest_term
from registry_site.operations.importing.conversion import (
    Warn,
    convert_email,
    convert_key,
    convert_text,
    convert_username,
    convert_word,
    key_of,
)
from registry_site.operations.importing.report import Report
from registry_site.operations.importing.source import SourceTenant, SourceTerm, SourceUser
from tenants.exceptions import Refused
from tenants.identity.emails import email_key
from tenants.identity.services import create_tenant, create_user
from tenants.models import ROLES, Tenant, User

CONTACT = {"organization": 255, "address": 255, "email": 255, "phone": 64}
TERMS: dict[str, type[Tag] | type[MetadataName]] = {"tag": Tag, "metadata name": MetadataName}


class ImportTarget:
    """The tenant that receives imported records, with an index of what it has; a dry run writes nothing."""

    def __init__(self, tenant: Tenant, report: Report, *, dry: bool) -> None:
        self.tenant, self.report, self.dry = tenant, report, dry
        self.users_by_source_id: dict[str, User] = {}
        self.dataset_ids: dict[str, str] = {}  # source id -> id in this registry
        existing = User.objects.of(tenant.pk).filter(leaving=None)
        self.users: dict[str, User] = {user.pk: user for user in existing}
        self.usernames = {user.username: user for user in self.users.values()}
        self.reserved_usernames = set(self.usernames)  # of existing and imported users
        self.emails = {email_key(user.email) for user in self.users.values()}
        self.items: dict[str, str] = dict(Item.objects.of(tenant.pk).values_list("pk", "kind"))
        self.names = set(Item.objects.of(tenant.pk).values_list("kind", "owner_id", "name"))

    @property
    def administrator(self) -> User:
        """The tenant's first administrator, who owns what has no owner."""
        return min((user for user in self.users.values() if user.is_admin), key=lambda user: (user.timestamp, user.pk))

    def target_id(self, model: type[User] | type[Item], id: str, existing: Container[str]) -> str:
        """Return a record's id in this registry: its source id, unless another tenant uses that."""
        key = convert_key(id)
        other = key_of(self.tenant.pk, key)
        for each in (key, other):
            if each in existing:
                return each
        return other if model.objects.filter(pk=key).exists() else key

    def add_user(self, user: User) -> None:
        """Add a user of this tenant to the index."""
        self.users[user.pk] = self.usernames[user.username] = user
        self.reserved_usernames.add(user.username)
        self.emails.add(email_key(user.email))

    def owner(self, id: str, warn: Warn) -> User:
        """Return the owner with this source id, or else the administrator."""
        if id not in self.users_by_source_id:
            warn(f"its owner {id or '(none)'} does not exist; {self.administrator.username} owns it now")
        return self.users_by_source_id.get(id) or self.administrator

    def import_users(self, source_users: Sequence[SourceUser]) -> None:
        """Import the users that do not exist yet."""
        self.reserved_usernames |= {each.username for each in source_users}
        for done, source_user in enumerate(source_users, 1):
            if source_user.id not in self.users_by_source_id:
                self._import_user(source_user)
            self.report.progress(f"{self.tenant.pk}: users", done, len(source_users))

    def _import_user(self, source_user: SourceUser) -> None:
        what, key = (
            f"user {source_user.username!r} ({source_user.id})",
            self.target_id(User, source_user.id, self.users),
        )
        same_name, username = (
            self.usernames.get(source_user.username),
            convert_username(source_user.username, self.reserved_usernames),
        )
        if key in self.users:
            self.report.existing("user")
            self.users_by_source_id[source_user.id] = self.users[key]
        elif same_name:
            self.report.changed(
                "user", what, "a user with that name exists and keeps their password; they now own what this user owned"
            )
            self.users_by_source_id[source_user.id] = same_name
        elif not username:
            self.report.left_out("user", what, "A name is not blank")
        else:
            self._create_user(source_user, what, key, username)

    def _create_user(self, source_user: SourceUser, what: str, key: str, username: str) -> None:
        warnings: list[str] = []
        fields = _user_fields(source_user, key, username, self.emails, warnings.append)
        if self.dry:
            plain = {field: fields[field] for field in ("username", "role", "email")}
            user = User(tenant=self.tenant, id=key, **plain)
        else:
            try:
                user = create_user(tenant=self.tenant, check_strength=False, **fields)
            except Refused as refused:
                self.report.left_out("user", what, refused.details)
                return
        self.record_user(source_user, user, warnings)

    def record_user(self, source_user: SourceUser, user: User, warnings: Sequence[str]) -> None:
        """Record that a source user was imported as `user`."""
        self.users_by_source_id[source_user.id] = user
        self.add_user(user)
        self.report.imported("user")
        if warnings:
            self.report.changed("user", f"user {source_user.username!r} ({source_user.id})", "; ".join(warnings))

    def import_terms(self, kind: str, terms: Sequence[SourceTerm]) -> None:
        """Import the tags or metadata names that do not exist yet."""
        known = set(TERMS[kind].objects.of(self.tenant.pk).values_list("name", flat=True))
        for done, term in enumerate(terms, 1):
            name, why = convert_word(term.name)
            if why:
                self.report.left_out(kind, f"{kind} {term.name[:80]!r}", why)
            elif name in known:
                self.report.existing(kind)
            else:
                self._create_term(kind, term, name)
                known.add(name)
            self.report.progress(f"{self.tenant.pk}: {kind}s", done, len(terms))

    def _create_term(self, kind: str, term: SourceTerm, name: str) -> None:
        warnings: list[str] = []
        owner = self.owner(term.owner, warnings.append)
        if not term.owner:
            warnings.clear()  # terms often have no owner
        if name != term.name:
            warnings.append(f"it is now {name[:80]!r}")
        if not self.dry:
            model: Any = TERMS[kind]
            if term.usage == USAGES[0]:
                suggest_term(model, name=name, by=owner, timestamp=term.timestamp)
            else:
                import_term(model, name, by=owner, timestamp=term.timestamp)
        self.report.imported(kind)
        if warnings:
            self.report.changed(kind, f"{kind} {term.name[:80]!r}", "; ".join(warnings))


def ensure_target(
    source: SourceTenant, id: str, source_users: Sequence[SourceUser], report: Report, *, dry: bool
) -> ImportTarget:
    """Return the tenant `id` with these users; create it with its first administrator if it does not exist."""
    tenant = Tenant.objects.filter(pk=id).first()
    if tenant:
        report.existing("tenant")
        target = ImportTarget(tenant, report, dry=dry)
    else:
        target = _create_target(source, id, source_users, report, dry)
    target.import_users(source_users)
    return target


def _create_target(
    source: SourceTenant, id: str, source_users: Sequence[SourceUser], report: Report, dry: bool
) -> ImportTarget:
    first = next((each for each in source_users if each.role == "admin" and convert_username(each.username, ())), None)
    target, warnings = ImportTarget(Tenant(pk=id), report, dry=dry), list[str]()
    contact: dict[str, Any] = {
        field: convert_text(source.contact.get(field, ""), length) for field, length in CONTACT.items()
    }
    if first:
        username = convert_username(first.username, {each.username for each in source_users})
        admin = _user_fields(first, target.target_id(User, first.id, ()), username, (), warnings.append)
    else:
        admin = {"username": _unused_name(settings.DEFAULT_TENANT_ADMIN_USERNAME, source_users)}
    user = User(tenant_id=id, username=admin["username"], role="admin")
    if not dry:
        made = create_tenant(
            id=id,
            **contact,
            passwordhash=source.passwordhash,
            database=convert_text(source.database, 255),
            timestamp=source.timestamp,
            admin=admin,
        )
        target.tenant, user = made.tenant, made.admin
        if not first:
            report.write(
                f"{id} had no administrator; {user.username} is now, with the password {made.generated_password}"
            )
    report.imported("tenant")
    target.add_user(user)
    if first:
        target.record_user(first, user, warnings)
    return target


def _unused_name(name: str, source_users: Iterable[SourceUser]) -> str:
    taken = {each.username for each in source_users}
    return next(each for each in (name, *(f"{name}-{n}" for n in range(2, len(taken) + 3))) if each not in taken)


def _user_fields(
    source_user: SourceUser, key: str, username: str, emails: Container[str | None], warn: Warn
) -> dict[str, Any]:
    """Return the arguments of `create_user` for a source user."""
    if not (source_user.bcrypt or source_user.plain_password):
        warn("the password cannot be imported; set a new one")
    if source_user.role not in ROLES:
        warn(f"the role {source_user.role!r} is unknown; it is now regular")
    if username != source_user.username:
        warn(f"the username is not allowed; it is now {username!r}, which the user needs to log in")
    secret = source_user.plain_password or secrets.token_urlsafe(32)
    return {
        "username": username,
        "password": "",
        "email": convert_email(source_user.email, emails, warn),
        "role": source_user.role if source_user.role in ROLES else "regular",
        "validity_days": source_user.validity_days,
        "kept": {
            "id": key,
            "password": f"bcrypt${source_user.bcrypt}" if source_user.bcrypt else make_password(secret),
            "password_changed": source_user.password_changed,
            "timestamp": source_user.timestamp,
        },
    }
