"""What the server can do, which newer clients ask first."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from registry_site.dialects.mlflow.views import READ, DialectView
from tenants.rest.permissions import ANYONE


class Server(DialectView):
    """The route `server-info`, open to everybody."""

    scopes: ClassVar[Mapping[str, Sequence[str]]] = {"info": READ}

    @property
    def roles(self) -> dict[str, frozenset[Any]]:
        return {"info": ANYONE}

    def info(self, request: Request) -> Response:
        return Response({"store_type": "SqlStore", "workspaces_enabled": True})
