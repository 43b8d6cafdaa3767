"""A client of MLflow's REST API. It only reads."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from ssl import SSLContext, create_default_context
from typing import Any
from urllib.parse import quote

import httpx

from registry_site.operations import CHUNK_SIZE
from registry_site.operations.importing.source import SourceReadError

Document = Mapping[str, Any]

PROXIED_SCHEME = "mlflow-artifacts:"
PAGE_SIZE = 500
TIMEOUT = 120  # seconds without a byte
MAX_PAGES = 10_000
MAX_FILES = 100_000  # of a version
MAX_DEPTH = 100  # nested folders
# Raised by reading a response that does not have MLflow's format.
MALFORMED = (AttributeError, KeyError, OverflowError, TypeError, ValueError)


class MLflowError(Exception):
    """MLflow did not response, or answered with an error."""


class MLflowResponseError(MLflowError):
    """MLflow answered with an error status, which a retry may not change."""


class MLflowClient:
    """A client of an MLflow server, configured by the same `MLFLOW_TRACKING_*` variables as MLflow's own clients."""

    def __init__(self, uri: str) -> None:
        user, password, token = (_variable(name) for name in ("USERNAME", "PASSWORD", "TOKEN"))
        # A username with a password takes precedence over a token, as in MLflow's clients.
        basic = (user, password) if user and password else None
        self.http = httpx.Client(
            base_url=f"{uri.rstrip('/')}/api/2.0/",
            headers={"Authorization": f"Bearer {token}"} if token and not basic else {},
            auth=basic,
            verify=_tls_verification(),
            timeout=TIMEOUT,
            follow_redirects=True,
        )

    def models(self) -> Sequence[Document]:
        """Return all registered models."""
        return list(self._pages("mlflow/registered-models/search", "registered_models"))

    def versions(self) -> Mapping[str, Sequence[Document]]:
        """Return the versions of all models by model name, oldest first."""
        found: dict[str, list[Document]] = {}
        # All in one search: MLflow's filters cannot express every name.
        for version in self._pages("mlflow/model-versions/search", "model_versions"):
            found.setdefault(str(version["name"]), []).append(version)
        return {name: sorted(each, key=lambda version: int(version["version"])) for name, each in found.items()}

    def run(self, id: str) -> Document:
        """Return a run's data; empty if the run does not exist."""
        response = self._get("mlflow/runs/get", {"run_id": id}, missing_ok=True)
        data: Document = response.get("run", {}).get("data", {})
        return data

    def artifacts(self, version: Document) -> tuple[str, Sequence[str]]:
        """Return the location of a version's files and their paths. Raises SourceReadError."""
        which = {"name": version["name"], "version": version["version"]}
        try:
            uri = str(self._get("mlflow/model-versions/get-download-uri", which).get("artifact_uri", ""))
            if not uri.startswith(PROXIED_SCHEME):
                where = uri or "no location"
                raise SourceReadError(f"its files are at {where}, which MLflow does not serve (--serve-artifacts)")
            root = httpx.URL(uri).path.strip("/")
            paths = sorted(islice(self._walk(root, ""), MAX_FILES + 1))
        except MALFORMED as error:
            raise SourceReadError(f"the list of its files is malformed ({type(error).__name__})") from None
        except MLflowResponseError as error:
            raise SourceReadError(f"its files cannot be listed: {error}") from None
        if len(paths) > MAX_FILES:
            raise SourceReadError(f"it has more than {MAX_FILES} files")
        if not paths:
            raise SourceReadError("it has no files")
        return root, paths

    @contextmanager
    def artifact(self, root: str, path: str) -> Iterator[Iterator[bytes]]:
        """Yield the bytes of a file. Raises SourceReadError."""
        try:
            with self.http.stream("GET", f"mlflow-artifacts/artifacts/{quote(f'{root}/{path}')}") as response:
                if response.is_error:
                    raise SourceReadError(f"its file {path!r} cannot be read: {response.status_code}")
                yield response.iter_bytes(CHUNK_SIZE)
        except httpx.HTTPError as error:
            raise SourceReadError(f"its file {path!r} cannot be read: {type(error).__name__}") from None

    def _walk(self, root: str, folder: str) -> Iterator[str]:
        listed = self._get("mlflow-artifacts/artifacts", {"path": f"{root}/{folder}".strip("/")})
        for entry in listed.get("files", ()):
            path = f"{folder}/{entry['path']}".lstrip("/")
            if ".." in path.replace("\\", "/").split("/"):
                raise SourceReadError(f"its file {path[:300]!r} is outside the version")
            if path.count("/") > MAX_DEPTH:
                raise SourceReadError(f"its folders are nested more than {MAX_DEPTH} deep")
            if entry.get("is_dir"):
                yield from self._walk(root, path)
            else:
                yield path

    def _pages(self, route: str, field: str) -> Iterator[Document]:
        more: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            page = self._get(route, {"max_results": PAGE_SIZE} | more)
            yield from page.get(field, ())
            if not (token := page.get("next_page_token")):
                return
            more = {"page_token": token}
        raise MLflowError(f"MLflow's response to {route} does not end")

    def _get(self, route: str, query: Mapping[str, Any], *, missing_ok: bool = False) -> Document:
        try:
            response = self.http.get(route, params=query)
            if missing_ok and response.status_code == httpx.codes.NOT_FOUND:
                return {}
            response.raise_for_status()
            document: Document = response.json()
        except httpx.HTTPStatusError as error:
            raise MLflowResponseError(f"MLflow answered {error.response.status_code} to {route}") from None
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            raise MLflowError(f"MLflow does not answer {route}: {type(error).__name__}") from None
        if not isinstance(document, Mapping):
            raise MLflowError(f"MLflow's response to {route} is malformed")
        return document


def _variable(name: str) -> str:
    return os.environ.get(f"MLFLOW_TRACKING_{name}", "")


def _tls_verification() -> bool | SSLContext:
    """Return how to verify the server's certificate: with a certificate file, not at all, or as usual."""
    if _variable("INSECURE_TLS").lower() in ("true", "1"):
        return False
    file = _variable("SERVER_CERT_PATH")
    return create_default_context(cafile=file) if file else True
