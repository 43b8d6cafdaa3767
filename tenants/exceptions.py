"""Errors with a code from the error table (`GET /v1/errors`)."""

from rest_framework.exceptions import APIException


class Refused(APIException):
    """A request that breaks a rule.

    `name` is a code of the error table, `details` tells the caller what to correct, and `headers` are sent with the
    answer. The code determines the HTTP status, unless HTTP itself requires another `status`.
    """

    def __init__(
        self, name: str, details: str, headers: dict[str, str] | None = None, status: int | None = None
    ) -> None:
        super().__init__(detail=details, code=name)
        self.name = name
        self.details = details
        self.headers = headers or {}
        self.status = status
