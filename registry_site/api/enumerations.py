"""Routes for forms of clients: enumerations, and the tenants for a login form."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.models import STATUSES, VISIBILITIES
from folksonomy.models import USAGES
from registry_site.api.about import PublicViewSet, example_map_response, example_response
from tenants.exceptions import Refused
from tenants.identity.passwords import LEVELS
from tenants.models import ROLES, Tenant
from tenants.rest.collections import CollectionViewSet
from tenants.rest.documentation import example
from tenants.rest.permissions import ANYONE

TYPES = {
    "UserRoles": ROLES,
    "UsageTypes": USAGES,
    "VisibilityTypes": VISIBILITIES,
    "ModelStatusTypes": STATUSES,
    "AlgorithmStatusTypes": STATUSES,
    "PasswordResetStatusTypes": ("valid", "invalid"),
}
STRENGTHS = {name: level for level, (name, _, _) in enumerate(LEVELS)}


class TypesViewSet(PublicViewSet):
    """Enumerations for forms of clients."""

    roles: ClassVar = dict.fromkeys(("retrieve", "password_strength"), ANYONE)
    answers: ClassVar = {
        "retrieve": example_map_response("object", UserRoles={"admin": "admin", "regular": "regular"}),
        "password_strength": example_response(passwordStrength=1, ValidityPasswordDays=0, levels=STRENGTHS),
    }

    def retrieve(self, request: Request) -> Response:
        """List the enumerations."""
        return Response({name: {value: value for value in values} for name, values in TYPES.items()})

    def password_strength(self, request: Request) -> Response:
        """Get the minimum strength of passwords and the days of their validity."""
        return Response(
            {
                "passwordStrength": settings.MIN_PASSWORD_STRENGTH,
                "ValidityPasswordDays": settings.DEFAULT_DAYS_VALIDITY_PASSWORD,
                "levels": STRENGTHS,
            }
        )


@example(_id="acme")
class TenantIdAnswer(serializers.Serializer[Any]):
    """The id of a tenant."""

    _id = serializers.CharField()


class TenantIdsViewSet(CollectionViewSet):
    """The ids of all tenants, for a login form."""

    collection = "types"
    group = "about"
    model = Tenant
    authentication_classes = ()
    roles: ClassVar = {"list": ANYONE}
    answer_class = TenantIdAnswer
    query_fields: ClassVar = {"_id": "text:pk"}
    default_sort = "_id"

    def get_queryset(self) -> Any:
        """Return all tenants. Raises Refused if the list is not public."""
        if not settings.PUBLIC_TENANT_LIST:
            raise Refused("restricted_access_read", "The list of tenants is not public")
        return Tenant.objects.all()

    def to_api_page(self, rows: Sequence[Tenant]) -> Sequence[dict[str, Any]]:
        return [{"_id": row.pk} for row in rows]
