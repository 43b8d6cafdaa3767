"""The routes of tokens for machines."""

from collections.abc import Sequence
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from tenants.identity.machine_tokens import create_token, default_expiry, expiry_of, revoke_token
from tenants.identity.serializers import TokenInput
from tenants.models import MachineToken, User
from tenants.rest.collections import CollectionViewSet
from tenants.rest.documentation import NewTokenAnswer, TokenAnswer
from tenants.rest.permissions import USERS


class TokenViewSet(CollectionViewSet):
    """Tokens for programs: the caller's own, for administrators those of all users. No token can use these routes."""

    collection = "tokens"
    model = MachineToken
    roles: ClassVar = dict.fromkeys(("list", "retrieve", "create", "destroy"), USERS)
    input_class = TokenInput
    answer_class = TokenAnswer
    answers: ClassVar = {"create": NewTokenAnswer}
    query_fields: ClassVar = {
        "_id": "text:pk",
        "name": "text",
        "owner": "user:owner_id",
        "expires": "date?",
        "last_used": "date?",
        "timestamp": "date",
    }

    def create_one(self, body: dict[str, Any]) -> MachineToken:
        expires = expiry_of(body["expires"]) if "expires" in body else default_expiry()
        created = create_token(by=self.user, name=body["name"], scopes=body["scopes"], expires=expires)
        self.secrets[created.token.pk] = created.secret
        return created.token

    @property
    def secrets(self) -> dict[str, str]:
        """Tokens created by this request, by id: answered once, never stored."""
        secrets: dict[str, str] = self.__dict__.setdefault("_secrets", {})
        return secrets

    def to_api_page(self, rows: Sequence[MachineToken]) -> Sequence[dict[str, Any]]:
        usernames = User.objects.usernames({row.owner_id for row in rows} - {self.user.pk})
        usernames[self.user.pk] = self.user.username
        created = self.secrets
        return [row.to_api(usernames) | ({"token": created[row.pk]} if row.pk in created else {}) for row in rows]

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Revoke the token, at once for all processes."""
        token = self.get_object()
        document = self.to_api_page([token])[0]
        revoke_token(token=token, by=self.user)
        return Response(document)
