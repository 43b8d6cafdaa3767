"""Who is calling: a user with a token or a browser's login, or the operator with the API token."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.crypto import constant_time_compare
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from tenants.identity import attempts, sessions, tokens
from tenants.models import User


@dataclass(frozen=True)
class Operator:
    """Who holds the API token: not a user of any tenant, but the one who makes and removes them."""

    is_authenticated: bool = True
    role: str = "operator"
    tenant_id: None = None


class TokenAuthentication(BaseAuthentication):
    """Recognises the user by the token in the `Authorization` header, and by nothing else."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        token = tokens.bare(request.headers.get("Authorization", ""))
        return (tokens.user_of(token), token) if token else None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="registry"'


class SessionAuthentication(BaseAuthentication):
    """Recognises the user who logged in with a browser; what changes anything needs the token that its pages carry."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        user = sessions.user_of(request._request)
        if user is None:
            return None
        sessions.refuse_forgery(request._request)
        return user, None


class ApiTokenAuthentication(TokenAuthentication):
    """Recognises the operator by the `API_TOKEN`, whatever their address has done; wrong ones count as failures."""

    def authenticate(self, request: Request) -> tuple[Operator, str] | None:  # type: ignore[override]
        token = tokens.bare(request.headers.get("Authorization", ""))
        if not token:
            return None
        if constant_time_compare(token, settings.API_TOKEN):
            return Operator(), token
        with attempts.counted(address=attempts.address_of(request)):
            raise AuthenticationFailed("The API token is not valid")
