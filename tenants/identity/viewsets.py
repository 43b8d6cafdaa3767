"""Routes for tenants and users: login, administration, password resets."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from django.conf import settings
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from tenants.exceptions import Refused
from tenants.identity import outbox
from tenants.identity.authentication import ApiTokenAuthentication, issue_token, sent_token, user_of_token
from tenants.identity.deletions import delete_tenant, delete_user
from tenants.identity.emails import EmailTaken
from tenants.identity.login import address_of, authenticate, limited_attempt
from tenants.identity.resets import digest_of, reset_password
from tenants.identity.serializers import (
    LoginInput,
    ResetInput,
    ResetRequest,
    TenantChanges,
    TenantInput,
    UserChanges,
    UserInput,
    credentials,
    tenant_of,
)
from tenants.identity.services import create_tenant, create_user, update_tenant, update_user
from tenants.models import Tenant, User
from tenants.rest.collections import CollectionViewSet, valid_body, valid_changes
from tenants.rest.documentation import LoginAnswer, MessageAnswer, TenantAnswer, UserAnswer
from tenants.rest.permissions import ADMINISTRATORS, ANYONE, OPERATOR, USERS


class LoginViewSet(ViewSet):
    """Exchange a username and a password for a token, and a token for a new one."""

    authentication_classes = ()
    roles: ClassVar = {"create": ANYONE, "renew": ANYONE}
    group = "login"
    bodies: ClassVar = {"create": LoginInput, "renew": None}
    answers: ClassVar = {"create": LoginAnswer, "renew": LoginAnswer}

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="registry"'

    def create(self, request: Request) -> Response:
        """Log in."""
        body = credentials(request.data)
        tenant_id = tenant_of(body)
        request._request.log_tenant_id = tenant_id  # type: ignore[attr-defined]
        user = authenticate(
            tenant_id=tenant_id,
            username=body["username"],
            password=body["password"],
            address=address_of(request),
        )
        return self.answer(user)

    def renew(self, request: Request) -> Response:
        """Exchange a token, even one that expired recently, for a new one."""
        token = sent_token(request)
        if not token:
            raise AuthenticationFailed("The request needs the token to be renewed in its Authorization header")
        return self.answer(user_of_token(token, renewing=True))

    def answer(self, user: User) -> Response:
        """Answer the user, a new token and its lifetime; the request log records the user."""
        self.request._request.user = user
        document = user.to_api() | {"tenant": user.tenant_id}
        token = issue_token(user)
        return Response({"user": document, "token": token, "token_expiration_time": settings.JWT_EXPIRATIONTIME})


class TenantViewSet(CollectionViewSet):
    """Tenants, for the operator, who has the `API_TOKEN`."""

    collection = "tenants"
    model = Tenant
    authentication_classes = (ApiTokenAuthentication,)
    roles: ClassVar = dict.fromkeys(("list", "retrieve", "create", "update", "destroy"), OPERATOR)
    input_class = TenantInput
    changes_class = TenantChanges
    answer_class = TenantAnswer
    query_fields: ClassVar = {"_id": "text:pk", "organization": "text", "email": "text", "timestamp": "date"}

    def get_queryset(self) -> Any:
        return Tenant.objects.all()

    def create_one(self, body: dict[str, Any]) -> Tenant:
        created = create_tenant(id=body.pop("_id"), **body)
        if created.generated_password:
            self.generated_passwords[created.tenant.pk] = created.generated_password
        return created.tenant

    @property
    def generated_passwords(self) -> dict[str, str]:
        """Passwords generated in this request, by tenant: answered once, never stored."""
        passwords: dict[str, str] = self.__dict__.setdefault("_generated_passwords", {})
        return passwords

    def to_api_page(self, rows: Sequence[Tenant]) -> Sequence[dict[str, Any]]:
        passwords = self.generated_passwords
        return [row.to_api() | ({"admin_password": passwords[row.pk]} if row.pk in passwords else {}) for row in rows]

    def update(self, request: Request, **kwargs: Any) -> Response:
        known = ("_id", "admin_username", "admin_password", "passwordhash", "database")
        changes = valid_changes(TenantChanges, request.data, known)
        return self.answer(update_tenant(tenant=self.get_object(), changes=changes))

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        tenant = self.get_object()
        document = tenant.to_api()
        delete_tenant(tenant=tenant)
        return Response(document)


class UserViewSet(CollectionViewSet):
    """The users of the caller's tenant."""

    collection = "users"
    model = User
    roles: ClassVar = {
        "list": USERS,
        "retrieve": USERS,
        "create": ADMINISTRATORS,
        "update": USERS,
        "destroy": ADMINISTRATORS,
    }
    input_class = UserInput
    changes_class = UserChanges
    answer_class = UserAnswer
    lookup_fields = ("pk", "username")
    scope_kind = "users"
    query_fields: ClassVar = {
        "_id": "text:pk",
        "username": "text",
        "role": "text",
        "email": "text?",
        "timestamp": "date",
    }

    def get_query_fields(self) -> dict[str, str]:
        """Return the fields that the caller may see, and so filter and sort by."""
        visible = self.query_fields if self.user.is_admin else ("_id", "username")
        return {field: self.query_fields[field] for field in visible}

    def document_fields(self) -> Sequence[str]:
        return list(UserAnswer().fields) if self.user.is_admin else super().document_fields()

    def to_api_page(self, rows: Sequence[User]) -> Sequence[dict[str, Any]]:
        if self.user.is_admin:
            return [user.to_api() for user in rows]
        return [{"_id": user.pk, "id": user.pk, "username": user.username} for user in rows]

    def create_one(self, body: dict[str, Any]) -> User:
        return create_user(
            tenant=cast(Tenant, self.user.tenant),
            username=body["username"],
            password=body["password"],
            role=body.get("role", "regular"),
            email=body.get("email"),
            validity_days=body.get("validityPasswordDays"),
            by=self.user,
        )

    def update(self, request: Request, **kwargs: Any) -> Response:
        user = self.get_object()
        if self.user.pk != user.pk and not self.user.is_admin:
            raise Refused("put_request_error", "You can change only your own user")
        changes = valid_changes(UserChanges, request.data, ("_id", *UserInput().fields))
        own = self.user.login if self.user.pk == user.pk else ""
        if self.user.is_admin or "email" not in changes:
            return self.answer(update_user(user=user, by=self.user, kept_login=own, **changes))
        return self.answer(self.change_own_email(changes))

    def change_own_email(self, changes: dict[str, Any]) -> User:
        """Change the caller; an email that another user has counts as a failed attempt, which limits probing."""
        account = f"email {self.user.pk}"
        with limited_attempt(address=address_of(self.request), account=account) as attempt:
            attempt.failed = False
            try:
                return update_user(user=self.user, by=self.user, kept_login=self.user.login, **changes)
            except EmailTaken as taken:
                attempt.failed = True
                raise Refused(taken.name, "The email cannot be changed to this address") from None

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        user = self.get_object()
        document = user.to_api()
        delete_user(user=user, by=self.user)
        return Response(document)


class SelfViewSet(ViewSet):
    """A forgotten password: request a link by mail, then use it."""

    authentication_classes = ()
    roles: ClassVar = {"mail": ANYONE, "reset": ANYONE}
    group = "login"
    bodies: ClassVar = {"mail": ResetRequest, "reset": ResetInput}
    answers: ClassVar = {"mail": MessageAnswer, "reset": MessageAnswer}
    parameters: ClassVar = {"mail": ("tenant",)}

    def mail(self, request: Request) -> Response:
        """Mail a reset link; the answer does not reveal whether a user has the address."""
        if not isinstance(request.data, dict) or not request.data.get("email"):
            raise Refused("missing_email", "Path `email` is required")
        body = valid_body(ResetRequest, request.data)
        tenant_id = tenant_of({"tenant": request.query_params.get("tenant")})
        outbox.request_link(tenant_id=tenant_id, email=body["email"], address=address_of(request))
        return Response({"message": "request sent"})

    def reset(self, request: Request) -> Response:
        """Choose a new password with the link that was mailed."""
        body = valid_body(ResetInput, request.data)
        with limited_attempt(address=address_of(request)) as attempt:
            try:
                reset_password(digest=digest_of(body["reset"]), tenant_id=tenant_of(body), password=body["password"])
            except Refused as refused:
                attempt.failed = refused.name == "reset_invalid"
                raise
            attempt.failed = False
        return Response({"message": "The password is changed"})
