"""The settings of drf-spectacular, which generates the OpenAPI document."""

from typing import Any

from registry_site import __version__
from registry_site.api.openapi.names import DESCRIPTION


def openapi_settings(version: str) -> dict[str, Any]:
    """Return the settings for an API under this prefix."""
    return {
        "TITLE": "Model Registry",
        "DESCRIPTION": DESCRIPTION,
        "VERSION": __version__,
        "LICENSE": {"name": "MIT", "identifier": "MIT"},
        "OAS_VERSION": "3.1.1",
        # The document's description covers forms, so the operations do not list them.
        "PARSER_WHITELIST": [
            "tenants.rest.negotiation.JSONParser",
            "tenants.rest.negotiation.AnyBody",
            "rest_framework.parsers.MultiPartParser",
        ],
        "DEFAULT_GENERATOR_CLASS": "registry_site.api.openapi.document.DocumentGenerator",
        "AUTHENTICATION_WHITELIST": [  # sessions are for the registry's own pages only
            "tenants.identity.authentication.TokenAuthentication",
            "tenants.identity.authentication.ApiTokenAuthentication",
        ],
        "ENUM_NAME_OVERRIDES": {"RoleEnum": "tenants.models.ROLES"},
        "PREPROCESSING_HOOKS": ["registry_site.api.openapi.document.documented"],
        "SORT_OPERATIONS": False,
        "SORT_OPERATION_PARAMETERS": False,
        "COMPONENT_SPLIT_REQUEST": True,
        "ENFORCE_NON_BLANK_FIELDS": True,
        "ENABLE_DJANGO_DEPLOY_CHECK": False,
        "SCHEMA_PATH_PREFIX": f"/{version}",
    }
