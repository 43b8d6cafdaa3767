"""Routes about the service itself."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from catalog.demo import create_demo, delete_demo, demo_items
from catalog.models import STATUSES, VISIBILITIES
from folksonomy.models import USAGES
from registry_site import __version__
from registry_site.errors import ERRORS
from tenants.exceptions import Refused
from tenants.fields import iso, now
from tenants.hooks import hook
from tenants.http import JSONRenderer
from tenants.models import ROLES, Tenant, User
from tenants.passwords import LEVELS
from tenants.permissions import ADMINISTRATORS, ANYONE, USERS

TYPES = {
    "UserRoles": ROLES,
    "UsageTypes": USAGES,
    "VisibilityTypes": VISIBILITIES,
    "ModelStatusTypes": STATUSES,
    "AlgorithmStatusTypes": STATUSES,
}


def answer(**example: Any) -> OpenApiResponse:
    """Return the description of an answer by its example."""
    return OpenApiResponse(OpenApiTypes.OBJECT, examples=[OpenApiExample("Example", example)])


class PublicViewSet(ViewSet):
    """What anybody may ask."""

    authentication_classes: Sequence[Any] = ()
    roles: ClassVar = {"retrieve": ANYONE}


class ErrorsViewSet(PublicViewSet):
    """All errors by name."""

    answers: ClassVar = {"retrieve": answer(resource_not_found=vars(ERRORS["resource_not_found"]))}

    def retrieve(self, request: Request) -> Response:
        """List the errors that the registry answers with."""
        rows = {name: vars(error) for name, error in ERRORS.items()}
        return Response(rows)


class VersionViewSet(PublicViewSet):
    """The registry's version."""

    answers: ClassVar = {"retrieve": answer(version=__version__)}

    def retrieve(self, request: Request) -> Response:
        """Tell the registry's version."""
        return Response({"version": __version__})


class TypesViewSet(PublicViewSet):
    """Enumerations, for clients that offer choices."""

    roles: ClassVar = dict.fromkeys(("retrieve", "password_strength", "tenants"), ANYONE)
    answers: ClassVar = {
        "retrieve": answer(UserRoles={"admin": "admin", "regular": "regular"}),
        "password_strength": answer(passwordStrength=1, ValidityPasswordDays=0),
        "tenants": OpenApiResponse(
            {"type": "array", "items": {"type": "string"}}, examples=[OpenApiExample("Tenants", ["acme"])]
        ),
    }

    def retrieve(self, request: Request) -> Response:
        """List the enumerations."""
        return Response({name: {value: value for value in values} for name, values in TYPES.items()})

    def password_strength(self, request: Request) -> Response:
        """Tell how strong passwords must be, and for how many days they are good."""
        return Response(
            {
                "passwordStrength": settings.MIN_PASSWORD_STRENGTH,
                "ValidityPasswordDays": settings.DEFAULT_DAYS_VALIDITY_PASSWORD,
                "levels": {name: level for level, (name, _, _) in enumerate(LEVELS)},
            }
        )

    def tenants(self, request: Request) -> Response:
        """List the tenants' ids for a login form, unless the operator keeps them to himself."""
        if not settings.PUBLIC_TENANT_LIST:
            raise Refused("restricted_access_read", "The list of tenants is not public")
        return Response(list(Tenant.objects.order_by("pk").values_list("pk", flat=True)))


class InfoViewSet(ViewSet):
    """How this registry is set up."""

    roles: ClassVar = {"retrieve": USERS}
    answers: ClassVar = {
        "retrieve": answer(
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
        """Tell version, environment and options."""
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
    """Whether the registry can do its work."""

    renderer_classes = (JSONRenderer,)
    answers: ClassVar = {"retrieve": answer(status="ok", database="ok", storage="ok")}

    def retrieve(self, request: Request) -> Response:
        """Answer 200 when the database and the storage answer, else 503."""
        parts = {"database": self.is_sound(self.ask_database), "storage": self.is_sound(hook("storage_is_healthy"))}
        healthy = all(parts.values())
        words = {part: "ok" if sound else "failing" for part, sound in parts.items()}
        return Response({"status": "ok" if healthy else "failing"} | words, 200 if healthy else 503)

    @staticmethod
    def is_sound(question: Any) -> bool:
        try:
            return bool(question())
        except Exception:  # noqa: BLE001 - whatever it is, it is not healthy
            return False

    @staticmethod
    def ask_database() -> bool:
        try:
            return Tenant.objects.filter(pk=settings.DEFAULT_TENANT).exists() or True
        except Exception:
            connection.close()
            raise


class DemoViewSet(ViewSet):
    """Examples to play with, in the demo tenant."""

    roles: ClassVar = dict.fromkeys(("retrieve", "create", "destroy"), ADMINISTRATORS)
    refused_with = "only_administrator"
    answers: ClassVar = dict.fromkeys(
        ("retrieve", "create", "destroy"), answer(**{"models/66a1f0c2b7d94e3f8a5c1d20": "demo-flower-classifier"})
    )

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not settings.DEMO or cast(User, request.user).tenant_id != settings.DEFAULT_TENANT_DEMO:
            raise Refused("demo_tenant_required", f"The demo tenant is {settings.DEFAULT_TENANT_DEMO}")

    def retrieve(self, request: Request) -> Response:
        """List the examples that are there."""
        return Response({f"{item.kind}s/{item.pk}": item.name for item in demo_items(cast(User, request.user))})

    def create(self, request: Request) -> Response:
        """Make the examples."""
        create_demo(by=cast(User, request.user))
        return self.retrieve(request)

    def destroy(self, request: Request) -> Response:
        """Remove the examples."""
        delete_demo(by=cast(User, request.user))
        return self.retrieve(request)


class DocsViewSet(PublicViewSet):
    """The OpenAPI description."""

    renderer_classes = (JSONRenderer,)
    answers: ClassVar = {"retrieve": answer(openapi="3.0.3", info={"title": "Model Registry"})}

    def retrieve(self, request: Request) -> Response:
        """Answer the OpenAPI 3 document of this API."""
        document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        return Response(document)


def reset_page(request: HttpRequest) -> HttpResponse:
    """Show where a mailed reset link leads: a form for the new password."""
    return render(request, "reset.html", {"version": settings.VERSION})
