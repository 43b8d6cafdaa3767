"""The ids, summaries and groups of operations."""

from typing import Any

THINGS = {
    "models": "model",
    "datasets": "dataset",
    "algorithms": "algorithm",
    "tags": "tag",
    "metadatas": "metadata name",
    "users": "user",
    "tokens": "token",
    "tenants": "tenant",
    "rules": "protection rule",
    "views": "saved view",
    "drafts": "draft",
}
# Action -> id and summary of the operation, on collections and on the versions of an item.
COLLECTIONS = {
    "list": ("list{Thing}s", "List {things}"),
    "create": ("create{Thing}", "Create {a_thing}, or a list of them"),
    "retrieve": ("get{Thing}", "Get {a_thing}"),
    "update": ("change{Thing}", "Change {a_thing}"),
    "destroy": ("delete{Thing}", "Delete {a_thing}"),
}
VERSIONS = {
    "list": ("list{Thing}Versions", "List the versions of {a_thing}, newest first"),
    "create": ("upload{Thing}Version", "Upload a version of {a_thing} in a form"),
    "retrieve": ("download{Thing}Version", "Download a version of {a_thing}"),
    "stream": ("stream{Thing}Version", "Upload a version of {a_thing} as the body itself"),
    "change": ("change{Thing}Version", "Change description, tags and metadata of a version of {a_thing}"),
    "destroy": ("delete{Thing}Version", "Delete a version of {a_thing}"),
    "files": ("list{Thing}VersionFiles", "List the files of a version of {a_thing}"),
    "file": ("download{Thing}VersionFile", "Download a file of a version of {a_thing}"),
    "info": ("get{Thing}Version", "Get a version of {a_thing} as JSON"),
    "diff": ("compare{Thing}Versions", "Compare two versions of {a_thing}"),
}
ALIASES = {
    "list": ("list{Thing}Aliases", "List the aliases of {a_thing}"),
    "retrieve": ("get{Thing}Alias", "Get where an alias of {a_thing} points, or pointed at a time"),
    "update": ("move{Thing}Alias", "Point an alias of {a_thing} at a version"),
    "destroy": ("remove{Thing}Alias", "Remove an alias of {a_thing}"),
}
HISTORY = {"list": ("list{Thing}AliasMoves", "List the moves of an alias of {a_thing}, newest first")}
PROPOSALS = {
    "list": ("list{Thing}Proposals", "List the proposals to move an alias of {a_thing}"),
    "create": ("propose{Thing}Alias", "Propose to point an alias of {a_thing} at a version"),
    "retrieve": ("get{Thing}Proposal", "Get a proposal to move an alias of {a_thing}"),
    "approve": ("approve{Thing}Proposal", "Approve a proposal to move an alias of {a_thing}"),
    "reject": ("reject{Thing}Proposal", "Reject a proposal to move an alias of {a_thing}"),
    "withdraw": ("withdraw{Thing}Proposal", "Withdraw a proposal to move an alias of {a_thing}"),
}
PUBLICATION = {"publish": ("publish{Thing}", "Make a version of the files of {a_thing}")}
# Part of a route -> the operations on it; the first that matches applies.
PARTS = {"/history": HISTORY, "/proposals": PROPOSALS, "/aliases": ALIASES, "/versions": VERSIONS}
PARTS |= {"/publish": PUBLICATION, "": COLLECTIONS}
# Single routes: method and route -> id and summary of the operation.
SINGLES = {
    "GET /uploads": ("listUploads", "List your uploads that are in no version"),
    "POST /uploads": ("createUpload", "Begin an upload that several requests send"),
    "GET /uploads/{id}": ("getUpload", "Get how far an upload is"),
    "PATCH /uploads/{id}": ("sendUpload", "Send the next bytes of an upload"),
    "DELETE /uploads/{id}": ("deleteUpload", "Delete an upload"),
    "POST /login": ("login", "Log in"),
    "PUT /login": ("renewToken", "Exchange a token for a new one"),
    "POST /self/reset": ("requestPasswordReset", "Request a link to reset a forgotten password"),
    "PUT /self": ("resetPassword", "Set a new password with the mailed link"),
    "GET /aliases/{alias}": ("listAliasHolders", "List what has an alias, or had it at a time"),
    "GET /duplicates/tags": ("listDuplicateTags", "List tags that probably mean the same"),
    "GET /duplicates/metadata": ("listDuplicateMetadataNames", "List metadata names that probably mean the same"),
    "POST /duplicates/tags": ("dismissDuplicateTags", "Dismiss a proposal: these tags are no duplicates"),
    "POST /duplicates/metadata": ("dismissDuplicateMetadataNames", "Dismiss a proposal: these names are no duplicates"),
    "GET /suggestions/tags": ("suggestTags", "Suggest tags that contain a text"),
    "GET /suggestions/metadata": ("suggestMetadataNames", "Suggest metadata names that contain a text"),
    "GET /compare": ("compare", "Compare items or versions"),
    "GET /events": ("listEvents", "List the events of the tenant that the caller may read"),
    "GET /merges/tags": ("previewTagMerge", "Get what a merge of a tag would change"),
    "POST /merges/tags": ("mergeTag", "Merge a tag into another one, or rename it"),
    "GET /merges/metadata": ("previewMetadataNameMerge", "Get what a merge of a metadata name would change and lose"),
    "POST /merges/metadata": ("mergeMetadataName", "Merge a metadata name into another one, or rename it"),
    "POST /events/{id}/undo": ("undoEvent", "Undo a merge or rename of a word"),
    "GET /log": ("listRequests", "List the requests of the tenant"),
    "GET /errors": ("listErrors", "List the errors that the registry answers with"),
    "GET /version": ("getVersion", "Get the registry's version"),
    "GET /types": ("listTypes", "List the enumerations"),
    "GET /types/passwordStrength": ("getPasswordStrength", "Get the minimum strength of passwords"),
    "GET /types/tenants": ("listTenantIds", "List the tenants' ids for a login form"),
    "GET /info": ("getInfo", "Get version, environment and options"),
    "GET /demo": ("listDemo", "List the example items"),
    "POST /demo": ("createDemo", "Create the example items"),
    "DELETE /demo": ("deleteDemo", "Delete the example items"),
    "GET /docs": ("getOpenAPI", "Get this document"),
    "GET /healthz": ("getHealth", "Get the registry's health"),
}
for _kind in ("model", "dataset", "algorithm"):
    _path, _a = f"GET /{_kind}s/{{id}}", f"{'an' if _kind[0] == 'a' else 'a'} {_kind}"
    SINGLES |= {
        f"{_path}/events": (f"list{_kind.capitalize()}Events", f"List the events of {_a} and its versions"),
        f"{_path}/versions/{{version}}/events": (
            f"list{_kind.capitalize()}VersionEvents",
            f"List the events of a version of {_a}",
        ),
    }
DESCRIPTION = """Trained models and datasets with their metadata, tags, versions and bytes.

Log in with `POST /v1/login` and send the token in the `Authorization` header. A body that is a flat JSON object may be
sent as a form too (`application/x-www-form-urlencoded`). Every failure answers
`{status, value, message, details}`; in addition to the errors listed for each operation, any may answer 405 for a
method that a route does not support, and 500 for an internal error. `GET /v1/errors` lists them all."""
GROUPS = {
    "Login": "Tokens and forgotten passwords. Most operations require a token in the `Authorization` header.",
    "Models": "Trained models: registered with metadata, tags and the datasets they were trained with.",
    "Datasets": "Data that models are trained and tested with.",
    "Algorithms": "Algorithms that models are trained with.",
    "Versions": "The files of models, datasets and algorithms: uploaded once, never changed, checked by sha256.",
    "Aliases": "Names that point at one version of an item, their history, and the rules that protect them.",
    "Compare": "The values of items and versions side by side.",
    "Uploads": "Uploads that resume: the tus protocol 1.0.0 (https://tus.io), for large files.",
    "Drafts": "What you have logged and not published yet, such as the runs of MLflow's clients.",
    "Tags": "Labels of the tenant: `default` ones are suggested by administrators, `folk` ones come from use.",
    "Metadata": "Names of metadata, `default` or `folk` like tags.",
    "History": "The ledger: who changed what, when and why.",
    "Views": "Searches of lists that users keep under a name, and share with their tenant.",
    "Users": "The users of a tenant and their roles.",
    "Tokens": "Tokens for programs, which act as their user within scopes.",
    "Tenants": "Isolated groups of users. For the operator, who has the `API_TOKEN`.",
    "About": "Information about the registry: health, version, errors, the log.",
}


def operation_names(view: Any, method: str, route: str) -> tuple[str, str]:
    """Return id and summary of an operation; `route` is its path without the API's prefix."""
    collection, name = getattr(view, "collection", ""), f"{method} {route}"
    if name in SINGLES or collection not in THINGS:
        return SINGLES[name]
    id, summary = next(names for part, names in PARTS.items() if part in route)[view.action]
    thing = THINGS[collection]
    words = {"things": f"{thing}s", "a_thing": f"{'an' if thing[0] == 'a' else 'a'} {thing}"}
    return id.format(Thing="".join(map(str.capitalize, thing.split()))), summary.format(**words)


def group_of(view: Any) -> str:
    """Return the heading of an operation in the documentation."""
    return str(getattr(view, "group", None) or getattr(view, "collection", "about")).capitalize()
