"""How a rule says no: with the name of an error in the registry's error table."""

from rest_framework.exceptions import APIException


class Refused(APIException):
    """A request refused by a rule.

    `name` is a key of the error table (`GET /v1/errors`), `details` tells the caller what to mend, and `headers` go
    with the answer. The HTTP status follows from the name, unless HTTP itself wants another `status`.
    """

    def __init__(
        self, name: str, details: str, headers: dict[str, str] | None = None, status: int | None = None
    ) -> None:
        super().__init__(detail=details, code=name)
        self.name = name
        self.details = details
        self.headers = headers or {}
        self.status = status
