"""What a `source` names: a draft or a version that the caller may read. Nothing is fetched."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from registry_site.dialects.mlflow.documents import MODEL_PREFIX
from registry_site.dialects.mlflow.errors import MLflowError
from registry_site.dialects.mlflow.names import find_model, find_version, models_of
from tenants.exceptions import Refused
from tenants.models import User
from tenants.rows.texts import shown, unfit_path
from versions import drafts
from versions.draft_models import MODEL, RUN, Draft
from versions.models import Version

PLACE = re.compile(r"(drafts|versions)/([0-9a-f]{24})(?:/(.*))?", re.DOTALL)
OWN = "/api/2.0/mlflow-artifacts/artifacts/"
LONGEST = 4096


@dataclass(frozen=True)
class Source:
    """A folder, or one file, of a draft."""

    draft: Draft
    path: str


def refused(uri: str) -> MLflowError:
    accepted = "models:/…, runs:/…, mlflow-artifacts:/… or an address of this registry"
    return MLflowError(f"Invalid model version source: '{shown(uri)}'. It is {accepted}, of what you may read here.")


def source_of(view: Any, uri: str, run_id: str, model_id: str) -> Source | Version:
    """Return what the URI names. Raises MLflowError."""
    if len(uri) > LONGEST:
        raise refused(uri)
    try:
        return _source(view, uri)
    except (Refused, ValueError):  # a ValueError is an address that cannot be read
        raise refused(uri) from None
    except MLflowError as error:
        raise error if error.code == "INVALID_PARAMETER_VALUE" else refused(uri) from None


def _source(view: Any, uri: str) -> Source | Version:
    scheme, _, rest = uri.partition(":")
    rest = rest.lstrip("/")
    if scheme == "runs":
        id, _, path = rest.partition("/")
        return Source(drafts.find(owner=view.user, id=id, kind=RUN), clean(path, uri))
    if scheme == "models":
        return _model(view, rest, uri)
    if scheme == "mlflow-artifacts":
        if uri.startswith("mlflow-artifacts://"):  # a host follows, which must be ours
            return _own(view, uri, urlsplit(uri).path)
        return placed(view.user, rest, uri)
    if scheme in ("http", "https"):
        parts = urlsplit(uri)
        if parts.query or parts.fragment or not parts.path.startswith(OWN):
            raise refused(uri)
        return _own(view, uri, parts.path.removeprefix(OWN))
    raise refused(uri)


def _own(view: Any, uri: str, path: str) -> Source | Version:
    """Return what an absolute address names, if its host is the one that the caller has asked."""
    if urlsplit(uri).netloc.lower() != view.request.get_host().lower():
        raise refused(uri)
    return placed(view.user, unquote(path).lstrip("/"), uri)


def _model(view: Any, rest: str, uri: str) -> Source | Version:
    if rest.startswith(MODEL_PREFIX) and "/" not in rest:
        return Source(logged_model(view.user, rest), "")
    name, at, alias = rest.rpartition("@")
    if not at:
        name, _, alias = rest.rpartition("/")
    item = find_model(view, name)
    ordinal = item.aliased.get(alias) if at else alias
    return find_version(item, name, ordinal or "")


def logged_model(user: User, model_id: str) -> Draft:
    """Return a logged model. Raises Refused (`resource_not_found`)."""
    return drafts.find(owner=user, id=model_id.removeprefix(MODEL_PREFIX), kind=MODEL)


def clean(path: str, uri: str) -> str:
    """Return the path of a folder or file, empty for the whole. Raises MLflowError for one that leads elsewhere."""
    path = path.rstrip("/")
    if path and unfit_path(path):
        raise refused(uri)
    return path


def placed(user: User, place: str, uri: str) -> Source | Version:
    """Return what a path of files names: `drafts/<id>/…` of the user, or `versions/<id>` of a readable model."""
    match = PLACE.fullmatch(place)
    if match is None:
        raise refused(uri)
    kind, id, path = match[1], match[2], clean(match[3] or "", uri)
    if kind == "drafts":
        return Source(drafts.find(owner=user, id=id), path)
    version = readable_version(user, id)
    if version is None or path:
        raise refused(uri)
    return version


def readable_version(user: User, id: str) -> Version | None:
    """Return the version with this id, if it is of a model that the user may read."""
    version = Version.objects.of(user.tenant_id).filter(pk=id).first()
    return version if version and models_of(user).filter(pk=version.subject).exists() else None
