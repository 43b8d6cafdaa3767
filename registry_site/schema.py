"""The OpenAPI description, made from the viewsets."""

from drf_spectacular.openapi import AutoSchema


class RegistrySchema(AutoSchema):
    """Describes operations by their viewsets."""
