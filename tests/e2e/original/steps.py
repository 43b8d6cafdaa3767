"""Requests of the original's clients and what they read from responses, as data: one line per step.

`{name}` in a path, body or expectation stands for a value that an earlier step kept. `reads` maps a place in the answer
(`docs.0._id`; a number counts from the end where it is negative) to what the client needs there: a type, or the value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TEXT, LIST, NUMBER, PRESENT = str, list, int, object
NOBODY, ADMIN, USER, OPERATOR = "", "admin", "user", "operator"


@dataclass(frozen=True)
class Step:
    """A request, its sender, and what the client reads from the response.

    A `body` is sent as JSON, a `form` as fields of a form, a `file` (name, content) as the file of a multipart form.
    `keeps` maps names to places of the answer whose values later steps use; `token` of who logged in is kept as theirs.
    """

    what: str
    caller: str
    method: str
    path: str
    body: Any = None
    form: Mapping[str, str] | None = None
    file: tuple[str, bytes] | None = None
    reads: Mapping[str, Any] = field(default_factory=dict)
    keeps: Mapping[str, str] = field(default_factory=dict)
    logs_in: str = ""
    content: bytes | None = None
    status: int = 200


LOGGED_IN = {
    "token": TEXT,
    "token_expiration_time": TEXT,
    "user.username": TEXT,
    "user._id": TEXT,
    "user.role": TEXT,
    "user.email": PRESENT,
}
PAGE = {
    "docs": LIST,
    "totalDocs": NUMBER,
    "limit": NUMBER,
    "totalPages": NUMBER,
    "page": 1,
    "pagingCounter": 1,
    "hasPrevPage": False,
    "hasNextPage": bool,
    "prevPage": None,
}
ADMIN_LOGIN = {"username": "admin", "password": "{admin_password}", "tenant": "{tenant}"}
GRACE = {"username": "grace", "password": "C0b0l-1959", "tenant": "{tenant}"}
NOTHING: dict[str, list[Any]] = {"add": [], "remove": [], "update": []}
ITEM = {
    "name": "churn",
    "metadata": [{"name": "acc", "value": "0.95"}, {"name": "epochs", "value": "12"}],
    "datasets": ["{dataset}"],
    "tags": ["customers"],
    "users": [],
    "visibility": "private",
    "status": "training",
}
EDIT = {
    "metadata": NOTHING | {"update": [{"name": "acc", "new": {"name": "acc", "value": "0.97"}}]},
    "tags": {"add": ["paper"], "remove": ["customers"], "update": []},
    "users": {"add": ["{admin}"], "remove": [], "update": []},
    "visibility": "public",
}
FIRST, SECOND = ("churn.onnx", b"first"), ("churn.onnx", b"the second")
ONE = '/v1/models/?filter={{"_id":"{model}"}}'

# fmt: off
GUI = (
    Step("fills the choice of tenants", NOBODY, "GET", "/v1/types/tenants/?filter=", reads={"docs.0._id": "{tenant}"}),
    Step("fills its other choices", NOBODY, "GET", "/v1/types/?filter=", reads={"UserRoles.admin": "admin", "UsageTypes.folk": "folk", "VisibilityTypes.public": "public", "ModelStatusTypes.deploy": "deploy", "AlgorithmStatusTypes.test": "test", "PasswordResetStatusTypes.valid": "valid"}),
    Step("is told that a login lacks a password", NOBODY, "POST", "/v1/login", {"username": "admin", "tenant": "{tenant}"}, reads={"message": TEXT, "details": TEXT, "value": 3}, status=401),
    Step("logs the administrator in", NOBODY, "POST", "/v1/login", ADMIN_LOGIN, reads=LOGGED_IN, keeps={"admin": "user._id"}, logs_in=ADMIN),
    Step("adds a user", ADMIN, "POST", "/v1/users/", {"username": "grace", "password": "C0b0l-1959", "role": "regular"}, reads={"_id": TEXT}, keeps={"grace": "_id"}),
    Step("gives the user an address", ADMIN, "PUT", "/v1/users/{grace}", {"email": "grace@intranet"}, reads={"email": "grace@intranet"}),
    Step("adds a tag", ADMIN, "POST", "/v1/tags/", {"_id": "customers", "usage": "default"}, reads={"_id": "customers", "timestamp": TEXT}),
    Step("adds a folk tag", ADMIN, "POST", "/v1/tags/", {"_id": "people", "usage": "folk"}, reads={"usage": "folk", "owner": "{admin}"}),
    Step("logs the user in", NOBODY, "POST", "/v1/login", GRACE, reads=LOGGED_IN | {"user._id": "{grace}"}, logs_in=USER),
    Step("adds a dataset", USER, "POST", "/v1/datasets/", {"name": "customers", "metadata": [], "tags": [], "users": [], "visibility": "public"}, reads={"_id": TEXT}, keeps={"dataset": "_id"}),
    Step("adds a model", USER, "POST", "/v1/models/", ITEM, reads={"name": "churn"}, keeps={"model": "_id"}),
    Step("adds an algorithm", USER, "POST", "/v1/algorithms/", {"name": "boosting", "status": "test", "visibility": "public"}, reads={"status": "test"}),
    Step("adds nothing for administrators", USER, "POST", "/v1/tags/", {"_id": "mine", "usage": "default"}, reads={"value": 18, "message": TEXT, "details": TEXT}, status=403),
    Step("lists users", ADMIN, "GET", "/v1/users/?filter=&limit=10&page=1", reads=PAGE | {"docs.0.username": "grace", "docs.0.role": "regular"}),
    Step("lists tags", ADMIN, "GET", "/v1/tags/?filter=&limit=10&page=1", reads=PAGE | {"docs.0._id": TEXT, "docs.0.usage": TEXT}),
    Step("lists metadata", ADMIN, "GET", "/v1/metadata/?filter=&limit=10&page=1", reads=PAGE | {"docs.0._id": TEXT}),
    Step("lists datasets", USER, "GET", "/v1/datasets/?filter=&limit=10&page=1", reads=PAGE | {"docs.0.name": "customers", "docs.0.owner": "{grace}"}),
    Step("lists models", USER, "GET", "/v1/models/?filter=&limit=10&page=1", reads=PAGE | {"docs.0.status": "training", "docs.0.owner": "{grace}"}),
    Step("lists algorithms", USER, "GET", "/v1/algorithms/?filter=&limit=10&page=1", reads=PAGE | {"docs.0.name": "boosting"}),
    Step("searches as one types", USER, "GET", '/v1/models/?filter={{"name":{{"$regex":"chu"}}}}&limit=10&page=1&select=["name","owner"]', reads=PAGE | {"docs.0.owner": "{grace}"}),
    Step("fills the choices of a form", USER, "GET", "/v1/users/?filter=&limit=100", reads={"docs.0._id": TEXT, "docs.0.username": TEXT}),
    Step("opens a model to edit it", USER, "GET", ONE, reads={"docs.0.metadata.0.name": "acc", "docs.0.datasets.0._id": "{dataset}", "docs.0.users": LIST, "docs.0.owner": "{grace}"}),
    Step("saves an edit", USER, "PUT", "/v1/models/{model}", EDIT, reads={"_id": "{model}"}),
    Step("shows the edit", USER, "GET", ONE, reads={"docs.0.metadata": [{"name": "acc", "value": "0.97"}, {"name": "epochs", "value": "12"}], "docs.0.tags": ["paper"], "docs.0.users.0._id": "{admin}", "docs.0.visibility": "public"}),
    Step("uploads a version", USER, "POST", "/v1/models/{model}/versions", file=FIRST, reads={"_id": "{model}"}),
    Step("uploads a newer one", USER, "POST", "/v1/models/{model}/versions", file=SECOND, reads={"_id": "{model}"}),
    Step("shows the versions, the oldest first", USER, "GET", ONE, reads={"docs.0.versions.0.ordinal": "1", "docs.0.versions.0.size": 5, "docs.0.versions.1.ordinal": "2", "docs.0.versions.-1.original": "churn.onnx", "docs.0.versions.-1.timestamp": TEXT, "docs.0.versions.-1.mimetype": TEXT}),
    Step("downloads the older one by its ordinal", USER, "GET", "/v1/models/{model}/versions/1", content=b"first"),
    Step("deletes the older one", USER, "DELETE", "/v1/models/{model}/versions/1", reads={"_id": "{model}"}),
    Step("shows the newer one alone", USER, "GET", ONE, reads={"docs.0.versions.0.ordinal": "2", "docs.0.versions.-1.ordinal": "2", "docs.0.versions_count": 1}),
    Step("changes the user's model as an administrator", ADMIN, "PUT", "/v1/models/{model}", {"tags": NOTHING, "visibility": "private"}, reads={"visibility": "private"}),
    Step("checks the old password", NOBODY, "POST", "/v1/login", GRACE, reads={"token": TEXT}),
    Step("changes the password", USER, "PUT", "/v1/users/grace", {"password": "C0b0l-1960"}, reads={"username": "grace"}),
    Step("goes on after the change", USER, "GET", "/v1/models/?filter=&limit=10&page=1", reads=PAGE),
    Step("renews the token", USER, "PUT", "/v1/login", {}, reads={"token": TEXT, "token_expiration_time": TEXT}, logs_in=USER),
    Step("goes on with the fresh token", USER, "DELETE", "/v1/models/{model}", reads={"_id": "{model}"}),
    Step("shows how strong passwords must be", NOBODY, "GET", "/v1/types/passwordStrength", reads={"passwordStrength": NUMBER}),
    Step("asks to recover a password", NOBODY, "POST", "/v1/self/reset?tenant={tenant}", {"email": "grace@intranet"}, reads={"message": "request sent"}),
    Step("asks for an unknown address", NOBODY, "POST", "/v1/self/reset?tenant={tenant}", {"email": "nobody@intranet"}, reads={"message": "request sent"}),
    Step("recovers the password", NOBODY, "PUT", "/v1/self", {"reset": "{reset}", "password": "C0b0l-1961", "tenant": "{tenant}"}, reads={"message": TEXT}),
    Step("logs in with the new password", NOBODY, "POST", "/v1/login", GRACE | {"password": "C0b0l-1961"}, reads=LOGGED_IN, logs_in=USER),
)

TENANT = {"_id": "registry-tenant-test", "organization": "Measurify org", "address": "Measurify Street, Genova", "email": "info@measurify.org", "phone": "+39103218793817", "admin_username": "pluto", "admin_password": "pippo", "passwordhash": "true"}
PLUTO = {"username": "pluto", "password": "pippo", "tenant": "registry-tenant-test"}
COLLECTION = (
    Step("makes a tenant", OPERATOR, "POST", "/v1/tenants/", TENANT, reads={"_id": "registry-tenant-test"}),
    Step("logs in with a form", NOBODY, "POST", "/v1/login", form=PLUTO, reads=LOGGED_IN, logs_in=ADMIN, keeps={"pluto": "user._id"}),
    Step("makes a user with a form", ADMIN, "POST", "/v1/users", form={"username": "paperino", "password": "P4perino!", "email": "paperino@measurify.org", "role": "regular"}, reads={"_id": TEXT}),
    Step("makes users in a list", ADMIN, "POST", "/v1/users", [{"username": "qui", "password": "Qu1-Quo"}, {"username": "quo", "password": "Qu0-Qua"}], reads={"users.1._id": TEXT, "errors": []}),
    Step("logs the user in by the old path", NOBODY, "POST", "/login", {"username": "paperino", "password": "P4perino!", "tenant": "registry-tenant-test"}, reads=LOGGED_IN, logs_in=USER),
    Step("is refused a weak password", USER, "PUT", "/v1/users/paperino", {"password": "password"}, reads={"value": 8, "details": "The password strength is Too weak, please choose a stronger password"}, status=400),
    Step("makes metadata names", ADMIN, "POST", "/v1/metadata?verbose=false", [{"_id": "meta_1"}, {"_id": "meta_2"}], reads={"saved": 2, "errors": 0}),
    Step("is refused an unknown usage", ADMIN, "POST", "/v1/tags", {"_id": "odd", "usage": "fake"}, reads={"value": 5}, status=400),
    Step("suggests tags", USER, "GET", '/v1/tags?filter={{"usage":"default"}}', reads={"docs": []}),
    Step("makes a dataset", USER, "POST", "/v1/datasets", {"name": "MyDataset", "users": ["qui"], "metadata": [{"name": "meta_1", "value": "value_1"}], "visibility": "public", "tags": ["tag_1", "tag_2"]}, reads={"owner": TEXT}, keeps={"dataset": "_id"}),
    Step("makes a model", USER, "POST", "/v1/models", {"name": "MyFirstModel", "status": "training", "datasets": ["{dataset}"], "visibility": "private"}, reads={"datasets.0._id": "{dataset}"}, keeps={"model": "_id", "paperino": "owner"}),
    Step("uploads", USER, "POST", "/v1/models/{model}/versions?ordinal=70", file=("one.bin", b"1"), reads={"versions.-1.ordinal": "70"}),
    Step("uploads once more", USER, "POST", "/v1/models/{model}/versions", file=("two.bin", b"2"), reads={"versions.-1.ordinal": "71"}),
    Step("is refused a taken ordinal", USER, "POST", "/v1/models/{model}/versions?ordinal=70", file=("x.bin", b"x"), reads={"value": 5, "details": TEXT}, status=400),
    Step("takes the first version that the answer names", USER, "GET", "/v1/models/{model}", reads={"versions.0.original": "one.bin"}, keeps={"first": "versions.0.original"}),
    Step("deletes it", USER, "DELETE", "/v1/models/{model}/versions/{first}", reads={"_id": "{model}"}),
    Step("still has the second", USER, "GET", "/v1/models/{model}/versions/two.bin", content=b"2"),
    Step("changes the dataset", USER, "PUT", "/v1/datasets/{dataset}", {"tags": {"remove": ["tag_1"], "add": ["tag_3"]}, "metadata": {"remove": [{"name": "meta_1", "value": "value_1"}], "add": [{"name": "meta_4", "value": "value_8"}]}}, reads={"tags": ["tag_2", "tag_3"], "metadata.0.name": "meta_4"}),
    Step("finds what a user owns", ADMIN, "GET", '/v1/models?filter={{"owner":"{paperino}"}}', reads={"totalDocs": 1}),
    Step("finds it by the user's name", ADMIN, "GET", '/v1/models?filter={{"owner":"paperino"}}', reads={"totalDocs": 1}),
    Step("may not delete for administrators", USER, "DELETE", "/v1/tags/tag_2", reads={"value": 18}, status=403),
    Step("may not read the log", USER, "GET", "/v1/log", reads={"value": 18}, status=403),
    Step("reads the log", ADMIN, "GET", "/v1/log?limit=5000", reads={"docs": LIST}),
    Step("is not in the demo's tenant", USER, "GET", "/v1/demo", reads={"value": 15}, status=403),
    Step("lists errors", NOBODY, "GET", "/v1/errors", reads={"authentication_error.value": 3}),
    Step("tells its version", NOBODY, "GET", "/v1/version", reads={"version": TEXT}),
    Step("tells how it is set up", USER, "GET", "/v1/info", reads={"version": TEXT}),
    Step("leads to the documentation", NOBODY, "GET", "/v1", status=302),
    Step("removes the tenant", OPERATOR, "DELETE", "/v1/tenants/registry-tenant-test", reads={"_id": TEXT}),
)

DEMO = (
    Step("logs in to the demo", NOBODY, "POST", "/v1/login", ADMIN_LOGIN | {"tenant": "{demo}"}, reads=LOGGED_IN, logs_in=ADMIN),
    Step("makes the demo", ADMIN, "POST", "/v1/demo", {}, reads={"users.0.username": TEXT, "tags.0._id": TEXT, "metadata.0._id": TEXT, "datasets.0.name": TEXT, "models.0.name": TEXT}),
    Step("shows the demo", ADMIN, "GET", "/v1/demo", reads={"models.0.owner": TEXT}),
    Step("removes the demo", ADMIN, "DELETE", "/v1/demo", reads={"models": []}),
)
# fmt: on
