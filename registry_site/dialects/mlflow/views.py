"""What all of MLflow's routes share: who calls, arguments of a query or a JSON body, and the form of errors."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from registry_site.dialects.mlflow.errors import MLflowError, error_answer
from tenants.identity.authentication import TokenAuthentication
from tenants.models import User
from tenants.rest.negotiation import JSONParser, JSONRenderer
from tenants.rest.permissions import USERS
from tenants.rows.fields import INT64
from tenants.rows.texts import shown

READ, WRITE, DELETE = ("models:read",), ("models:write",), ("models:delete",)
SEE = "See the API docs for more information about request parameters."
LONGEST_TEXT, LONGEST_NAME = 1_000_000, 255  # characters
POWER = re.compile(r"-?\d{1,2}(\.\d{1,12})?[eE]\+?\d{1,2}", re.ASCII)  # R writes 100000 as 1e+05


class DialectView(ViewSet):
    """Routes for logged-in users and for machine tokens; `scopes` names every action, all others are closed."""

    authentication_classes = (TokenAuthentication,)  # never a browser's session, so that no form of a page gets here
    renderer_classes = (JSONRenderer,)
    parser_classes: Any = (JSONParser,)
    schema = None  # MLflow documents its API
    scopes: ClassVar[Mapping[str, Sequence[str]]] = {}
    collection = "models"
    checks_names = True  # of models, after the first look at the scopes of a token

    @property
    def roles(self) -> dict[str, frozenset[Any]]:
        return dict.fromkeys(self.scopes, USERS)

    @property
    def user(self) -> User:
        return cast(User, self.request.user)

    @property
    def sent(self) -> "Arguments":
        """The arguments: of the query if the method is GET, otherwise of the body."""
        request = self.request
        if request.method in ("GET", "HEAD"):
            return Arguments({name: request.query_params.getlist(name) for name in request.query_params}, True)
        if not isinstance(request.data, dict):
            raise MLflowError("The body is a JSON object")
        return Arguments(request.data)

    def get_exception_handler(self) -> Callable[..., Any]:
        return error_answer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the caller, and `X-MLFLOW-WORKSPACE`, which is the caller's tenant."""
        super().initial(request, *args, **kwargs)
        workspace = request.headers.get("X-MLFLOW-WORKSPACE", "")
        if workspace and request.user and workspace != getattr(request.user, "tenant_id", None):
            raise MLflowError(f"Workspace '{shown(workspace)}' not found", "RESOURCE_DOES_NOT_EXIST")


class Arguments:
    """The arguments of a request, checked for their types. Raises MLflowError as MLflow's server does."""

    def __init__(self, values: Mapping[str, Any], is_query: bool = False) -> None:
        self.values, self.is_query = values, is_query

    def _one(self, name: str) -> Any:
        value = self.values.get(name)
        if self.is_query and value is not None:
            return value[-1]
        return value

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str, default: str | None = None, *, longest: int = LONGEST_TEXT) -> str:
        """Return a text; without a default it is required."""
        value = self._one(name)
        if value is None or (value == "" and default is None):
            if default is not None:
                return default
            raise MLflowError(f"Missing value for required parameter '{name}'. {SEE}")
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)  # protocol buffers read a number where a text is declared
        return checked(name, value, longest)

    def integer(self, name: str, default: int) -> int:
        value = self._one(name)
        if value is None or value == "":
            return default
        number = float(value) if POWER.fullmatch(str(value)) else math.nan  # exact: its digits are few
        text = str(int(number)) if number.is_integer() else str(value)
        if (
            isinstance(value, bool)
            or not text.removeprefix("-").isdecimal()
            or len(text) > 20
            or int(text) not in INT64
        ):
            raise invalid(name, value)
        return int(text)

    def flag(self, name: str) -> bool:
        value = self._one(name)
        read = value.lower() if isinstance(value, str) else value  # R writes TRUE
        if read not in (None, True, False, "true", "false"):
            raise invalid(name, value)
        return read in (True, "true")

    def texts(self, name: str) -> list[str]:
        """Return a list of texts; a query repeats the name."""
        value = self.values.get(name)
        found = value if isinstance(value, list) else [] if value is None else [value]
        return [checked(name, each) for each in found]

    def objects(self, name: str, most: int = 1000) -> "list[Arguments]":
        """Return a list of objects."""
        value = self.values.get(name)
        found = [] if value is None else value
        if self.is_query or not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise invalid(name, value)
        if len(found) > most:
            raise MLflowError(f"A request has at most {most} {name}. Got {len(found)}.")
        return [Arguments(each) for each in found]

    def part(self, name: str) -> "Arguments":
        """Return an object, empty if there is none."""
        value = self.values.get(name)
        if not isinstance(value := {} if value is None else value, dict):
            raise invalid(name, value)
        return Arguments(value)

    def pairs(self, name: str, most: int = 1000) -> dict[str, str]:
        """Return a list of `{key, value}` as texts by key."""
        return {each.key(): each.text("value", "") for each in self.objects(name, most)}

    def key(self) -> str:
        """Return the name of a tag or param."""
        return self.text("key", longest=LONGEST_NAME)


def checked(name: str, value: Any, longest: int = LONGEST_TEXT) -> str:
    """Return a text that a database can store. Raises MLflowError for anything else."""
    if not isinstance(value, str):
        raise invalid(name, value)
    if len(value) > longest or "\0" in value or any("\ud800" <= each <= "\udfff" for each in value):
        raise MLflowError(f"Invalid value for parameter '{name}': too long, or with characters that are no text")
    return value


def invalid(name: str, value: Any) -> MLflowError:
    return MLflowError(f"Invalid value {shown(repr(value))} for parameter '{name}' supplied. {SEE}")
