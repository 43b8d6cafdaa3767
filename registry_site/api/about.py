"""Routes about the service itself."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from catalog.demo import create_demo, delete_demo, demo_items, documents_with_words
from catalog.documentation import DemoAnswer
from registry_site import __version__
from registry_site.api.errors import ERRORS
from registry_site.api.openapi.document import openapi
from tenants.exceptions import Refused
from tenants.models import Tenant, User
from tenants.rest.negotiation import JSONRenderer
from tenants.rest.permissions import ADMINISTRATORS, ANYONE, USERS
from tenants.rows.fields import iso, now
from versions.services import storage_is_healthy

JSON_TYPES = {str: "string", bool: "boolean", int: "integer", dict: "object"}


def example_response(**example: Any) -> OpenApiResponse:
    """Return the OpenAPI description of a response with the names and types of its example."""
    properties = {name: {"type": JSON_TYPES[type(value)]} for name, value in example.items()}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return OpenApiResponse(schema, examples=[OpenApiExample("Example", example)])


def example_map_response(values: str, **example: Any) -> OpenApiResponse:
    """Return the OpenAPI description of a response that maps arbitrary names to values of one type."""
    schema = {"type": "object", "additionalProperties": {"type": values}}
    return OpenApiResponse(schema, examples=[OpenApiExample("Example", example)])


class PublicViewSet(ViewSet):
    """A view set without authentication."""

    authentication_classes: Sequence[Any] = ()
    roles: ClassVar = {"retrieve": ANYONE}


class ErrorsViewSet(PublicViewSet):
    """The error table."""

    answers: ClassVar = {
        "retrieve": example_map_response("object", resource_not_found=vars(ERRORS["resource_not_found"]))
    }

    def retrieve(self, request: Request) -> Response:
        """List the errors that the registry answers with."""
        rows = {name: vars(error) for name, error in ERRORS.items()}
        return Response(rows)


class VersionViewSet(PublicViewSet):
    """The registry's version."""

    answers: ClassVar = {"retrieve": example_response(version=__version__)}

    def retrieve(self, request: Request) -> Response:
        """Get the registry's version."""
        return Response({"version": __version__})


class InfoViewSet(ViewSet):
    """Configuration of this registry."""

    roles: ClassVar = {"retrieve": USERS}
    answers: ClassVar = {
        "retrieve": example_response(
            version=__version__,
            environment="production",
            engine="sqlite",
            token_expiration_time="30m",
            demo=False,
            log=True,
            timestamp="2026-01-31T09:30:00.000Z",
        )
    }

    def retrieve(self, request: Request) -> Response:
        """Get version, environment and options."""
        return Response(
            {
                "version": __version__,
                "environment": settings.ENVIRONMENT_NAME,
                "engine": settings.ENGINE_NAME,
                "token_expiration_time": settings.JWT_EXPIRATIONTIME,
                "demo": settings.DEMO,
                "log": settings.LOG,
                "timestamp": iso(now()),
            }
        )


class HealthViewSet(PublicViewSet):
    """The registry's health."""

    renderer_classes = (JSONRenderer,)
    answers: ClassVar = {
        "retrieve": {
            200: example_response(status="ok", database="ok", storage="ok"),
            503: example_response(status="failing", database="ok", storage="failing"),
        }
    }

    def retrieve(self, request: Request) -> Response:
        """Return 200 if the database and the storage work, else 503."""
        status = health()
        return Response(status, 200 if status["status"] == "ok" else 503)

    @staticmethod
    def works(check: Any) -> bool:
        try:
            return bool(check())
        except Exception:  # noqa: BLE001 - any exception means that it is not healthy
            return False

    @staticmethod
    def check_database() -> bool:
        try:
            return Tenant.objects.filter(pk=settings.DEFAULT_TENANT).exists() or True
        except Exception:
            connection.close()
            raise


def health() -> dict[str, str]:
    """Return the status of the registry and of each part: `ok` or `failing`."""
    view = HealthViewSet
    parts = {"database": view.works(view.check_database), "storage": view.works(storage_is_healthy)}
    statuses = {part: "ok" if works else "failing" for part, works in parts.items()}
    return {"status": "ok" if all(parts.values()) else "failing"} | statuses


class DemoViewSet(ViewSet):
    """Example items in the demo tenant."""

    roles: ClassVar = dict.fromkeys(("retrieve", "create", "destroy"), ADMINISTRATORS)
    answer_class = DemoAnswer

    def check_permissions(self, request: Request) -> None:
        """Refuse users of other tenants before checking the role."""
        user = cast(User | None, request.user)
        if user and self.action and not (settings.DEMO and user.tenant_id == settings.DEFAULT_TENANT_DEMO):
            raise Refused("demo_tenant_required", f"The demo tenant is {settings.DEFAULT_TENANT_DEMO}")
        super().check_permissions(request)

    def retrieve(self, request: Request) -> Response:
        """List the example items."""
        user = cast(User, request.user)
        return Response(documents_with_words(demo_items(user), user))

    def create(self, request: Request) -> Response:
        """Create the example items."""
        create_demo(by=cast(User, request.user))
        return self.retrieve(request)

    def destroy(self, request: Request) -> Response:
        """Delete the example items."""
        delete_demo(by=cast(User, request.user))
        return self.retrieve(request)


class DocsViewSet(PublicViewSet):
    """The OpenAPI description."""

    renderer_classes = (JSONRenderer,)
    answers: ClassVar = {
        "retrieve": OpenApiResponse(
            {"type": "object", "required": ["openapi", "info", "paths"]},
            examples=[
                OpenApiExample("Beginning", {"openapi": "3.1.1", "info": {"title": "Model Registry"}, "paths": {}})
            ],
        )
    }

    def retrieve(self, request: Request) -> Response:
        """Get the OpenAPI 3 document of this API."""
        return Response(openapi())


def reset_page(request: HttpRequest) -> HttpResponse:
    """Show the form for a new password that a mailed reset link leads to."""
    return render(request, "reset.html", {"version": settings.VERSION})
