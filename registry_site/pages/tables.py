"""How the pages show each collection, as data: columns, orders and forms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

NEWEST, OLDEST = {"Newest first": ""}, {"Oldest first": '{"timestamp":"asc"}'}
LIMITS = {"10": "", "25": "25", "50": "50", "100": "100"}


@dataclass(frozen=True)
class Column:
    """A field of the documents, its heading, and the kind of cell (`browsable/cell.html`) that shows it.

    `name` is the field that has the name for the id in this field.
    """

    field: str
    head: str
    kind: str = "text"
    name: str = ""


@dataclass(frozen=True)
class Collection:
    """How a collection is shown; `form` is the template of the form that creates a document."""

    title: str
    one: str
    many: str
    columns: Sequence[Column]
    sorts: Mapping[str, str]
    example: str
    form: str = ""
    detail: str = ""
    dated: bool = False  # whether the list can be shown as it was at a time
    compared: bool = False  # whether rows can be ticked and compared


LAST_MODIFIED = Column("lastmod", "Last modified", "moment")
NAME, OWNER = Column("name", "Name", "name"), Column("owner", "Owner", "user", "owner_username")
STATUS, VISIBILITY = Column("status", "Status", "badge"), Column("visibility", "Visibility", "badge")
CREATED, DESCRIPTION = Column("timestamp", "Created", "moment"), Column("description", "Description", "cut")
TAGS, VERSIONS = Column("tags", "Tags", "words"), Column("versions_count", "Versions", "number")
PRODUCTION = Column("aliases", "Production", "production")
KIND, EXPIRES = Column("kind", "Kind", "badge"), Column("expires", "Expires", "moment")
EXTRA = (CREATED, LAST_MODIFIED, DESCRIPTION, Column("_id", "Identifier", "code"))  # columns that can be added

MODELS = Collection(
    title="Models",
    one="model",
    many="models",
    columns=(NAME, OWNER, VISIBILITY, STATUS, TAGS, VERSIONS, PRODUCTION, LAST_MODIFIED),
    sorts=NEWEST | OLDEST | {"Name": '{"name":"asc"}', "Last modified": '{"lastmod":"desc"}'},
    example='{"metadata.accuracy": {"$gte": 0.9}, "tags": {"$in": ["onnx", "csv"]}}',
    form="browsable/item_form.html",
    detail="browsable/item.html",
    compared=True,
)
DATASETS = replace(
    MODELS,
    title="Datasets",
    one="dataset",
    many="datasets",
    columns=(NAME, OWNER, VISIBILITY, TAGS, VERSIONS, PRODUCTION, LAST_MODIFIED),
)
WORDS = Collection(
    title="Tags",
    one="tag",
    many="tags",
    columns=(
        Column("_id", "Name", "name"),
        Column("usage", "Usage", "badge"),
        Column("count", "Items", "count"),
        Column("owner", "Added by", "user", "owner_username"),
    ),
    sorts=NEWEST | OLDEST | {"Name": '{"_id":"asc"}'},
    example='{"usage": "default"}',
    form="browsable/term_form.html",
    detail="browsable/term.html",
)
USERS = Collection(
    title="Users",
    one="user",
    many="users",
    columns=(
        Column("username", "Username", "name"),
        Column("role", "Role", "badge"),
        Column("email", "E-mail"),
        Column("createdPassword", "Password set", "moment"),
    ),
    sorts=NEWEST | {"Username": '{"username":"asc"}'},
    example='{"username": {"$in": ["ada", "grace"]}}',
    form="browsable/user_form.html",
    detail="browsable/user.html",
)
TOKENS = Collection(
    title="Tokens",
    one="token",
    many="tokens",
    columns=(
        Column("name", "Name", "name"),
        Column("scopes", "Scopes", "list"),
        Column("owner", "User", "user", "owner_username"),
        EXPIRES,
        Column("last_used", "Last used"),
        Column("last_address", "From"),
    ),
    sorts=NEWEST | OLDEST | {"Name": '{"name":"asc"}', "Expires first": '{"expires":"asc"}'},
    example='{"last_used": {"$lt": "2026-01-01"}}',
    form="browsable/token_form.html",
    detail="browsable/token.html",
)
VERSION_LIST = Collection(
    title="Versions",
    one="version",
    many="versions",
    columns=(
        Column("original", "File", "file"),
        Column("ordinal", "Ordinal"),
        Column("size", "Size", "size"),
        Column("mimetype", "Type"),
        Column("sha256", "SHA-256", "code"),
        Column("description", "Description"),
        Column("tags", "Tags", "words"),
        Column("timestamp", "Uploaded", "moment"),
    ),
    sorts=NEWEST | OLDEST | {"Largest first": '{"size":"desc"}'},
    example='{"size": {"$gt": 1000000}}',
)
EVENTS = Collection(
    title="Activity",
    one="event",
    many="events",
    columns=(
        Column("timestamp", "When", "moment"),
        Column("type", "What", "sentence"),
        Column("reason", "Why"),
        Column("sequence", "Number", "number"),
    ),
    sorts=NEWEST | OLDEST,
    example='{"type": "model.updated", "actor": "ada"}',
)
LOG = Collection(
    title="Log",
    one="request",
    many="requests",
    columns=(
        Column("date", "Date", "moment"),
        Column("user", "User", "reference"),
        Column("method", "Method"),
        Column("url", "URL", "code"),
        Column("status", "Status"),
        Column("duration_ms", "Milliseconds", "number"),
        Column("contents", "Request body", "code"),
    ),
    sorts=NEWEST | {"Oldest first": '{"date":"asc"}', "Status": '{"status":"desc"}'},
    example='{"status": {"$gte": 400}}',
)

ACTOR, SINCE, REASON = (
    Column("actor", "By", "reference"),
    Column("timestamp", "Since", "moment"),
    Column("reason", "Reason"),
)
ALIASES = Collection(
    title="Aliases",
    one="alias",
    many="aliases",
    columns=(Column("_id", "Alias", "name"), Column("version", "Version"), SINCE, ACTOR, REASON),
    sorts={"Name": ""} | {"Moved last": '{"timestamp":"desc"}'},
    example='{"version": "3"}',
    detail="browsable/alias.html",
    dated=True,
)
HOLDERS = Collection(
    title="Production",
    one="item",
    many="items",
    columns=(NAME, Column("kind", "Kind"), OWNER, Column("version", "Version"), SINCE, ACTOR, REASON),
    sorts={"By kind": "", "Name": '{"name":"asc"}'},
    example='{"kind": "model"}',
    dated=True,
    compared=True,
)
RULES = Collection(
    title="Protection",
    one="rule",
    many="rules",
    columns=(
        Column("name", "Name", "name"),
        Column("aliases", "Aliases", "code"),
        Column("kinds", "Kinds", "texts"),
        Column("tags", "Tags", "texts"),
        Column("roles", "Roles", "texts"),
        Column("users", "Users", "references"),
        Column("condition", "Condition", "json"),
        Column("approvals", "Approvals", "number"),
    ),
    sorts=NEWEST | {"Name": '{"name":"asc"}'},
    example='{"aliases": "production"}',
    form="browsable/rule_form.html",
    detail="browsable/rule.html",
)

VIEWS = Collection(
    title="Saved views",
    one="view",
    many="views",
    columns=(
        Column("name", "Name", "name"),
        Column("list", "List"),
        Column("query", "Search", "code"),
        Column("shared", "Shared", "value"),
        Column("owner", "Owner", "user", "owner_username"),
        LAST_MODIFIED,
    ),
    sorts=NEWEST | {"Name": '{"name":"asc"}'},
    example='{"list": "models"}',
    detail="browsable/view.html",
)

OF_DRAFTS = (("params", "values"), ("metrics", "values"), ("size", "size"), ("pinned", "value"))
DRAFTS = Collection(
    title="Drafts",
    one="draft",
    many="drafts",
    columns=(NAME, KIND, *(Column(name, name.capitalize(), kind) for name, kind in OF_DRAFTS), LAST_MODIFIED, EXPIRES),
    sorts=NEWEST | OLDEST | {"Largest first": '{"size":"desc"}', "Expires first": '{"expires":"asc"}'},
    example='{"metrics.accuracy": {"$gte": 0.9}}',
    detail="browsable/draft.html",
)

# Keys are names of routes.
COLLECTIONS = {
    "models": MODELS,
    "datasets": DATASETS,
    "algorithms": replace(MODELS, title="Algorithms", one="algorithm", many="algorithms"),
    "tags": WORDS,
    "metadata": replace(WORDS, title="Metadata", one="metadata name", many="metadata names"),
    "users": USERS,
    "events": EVENTS,
    "tokens": TOKENS,
    "log": LOG,
    "holders": HOLDERS,
    "protection": RULES,
    "views": VIEWS,
    "drafts": DRAFTS,
} | dict.fromkeys(("models-versions", "datasets-versions", "algorithms-versions"), VERSION_LIST)
COLLECTIONS |= dict.fromkeys(("models-aliases", "datasets-aliases", "algorithms-aliases"), ALIASES)
