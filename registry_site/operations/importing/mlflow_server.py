"""Asks an MLflow server, over its REST API."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from ssl import SSLContext, create_default_context
from typing import Any
from urllib.parse import quote

import httpx

from registry_site.operations.importing.shapes import Unreadable

Document = Mapping[str, Any]

PROXY = "mlflow-artifacts:"
PAGE = 500
BLOCK = 1024 * 1024
TIMEOUT = 120  # seconds without a byte
MOST_PAGES = 10_000
MOST_FILES = 100_000  # of a version
DEEPEST = 100  # folders within each other
# What reading an answer of another shape than MLflow's raises.
MALFORMED = (AttributeError, KeyError, OverflowError, TypeError, ValueError)


class Failed(Exception):
    """MLflow did not answer, or answered with an error."""


class Answered(Failed):
    """MLflow answered with an error: what it cannot give now it may not be able to give ever."""


class MLflow:
    """An MLflow server, read and never written; who asks is told by the variables that MLflow's own clients read."""

    def __init__(self, uri: str) -> None:
        user, password, token = (_told(name) for name in ("USERNAME", "PASSWORD", "TOKEN"))
        # A name with its password goes before a token, as it does there.
        named = (user, password) if user and password else None
        self.client = httpx.Client(
            base_url=f"{uri.rstrip('/')}/api/2.0/",
            headers={"Authorization": f"Bearer {token}"} if token and not named else {},
            auth=named,
            verify=_trust(),
            timeout=TIMEOUT,
            follow_redirects=True,
        )

    def models(self) -> Sequence[Document]:
        """Return all registered models."""
        return list(self._pages("mlflow/registered-models/search", "registered_models"))

    def versions(self) -> Mapping[str, Sequence[Document]]:
        """Return the versions of all models by their models' names, the oldest first."""
        found: dict[str, list[Document]] = {}
        # All at once: a filter has no way to write every name.
        for version in self._pages("mlflow/model-versions/search", "model_versions"):
            found.setdefault(str(version["name"]), []).append(version)
        return {name: sorted(each, key=lambda version: int(version["version"])) for name, each in found.items()}

    def run(self, id: str) -> Document:
        """Return what a run logged; nothing where it is gone."""
        answer = self._get("mlflow/runs/get", {"run_id": id}, missing_ok=True)
        data: Document = answer.get("run", {}).get("data", {})
        return data

    def artifacts(self, version: Document) -> tuple[str, Sequence[str]]:
        """Return where a version's files lie, and their paths. Raises Unreadable."""
        which = {"name": version["name"], "version": version["version"]}
        try:
            uri = str(self._get("mlflow/model-versions/get-download-uri", which).get("artifact_uri", ""))
            if not uri.startswith(PROXY):
                where = uri or "no place"
                raise Unreadable(f"its files lie at {where}, which MLflow does not serve (--serve-artifacts)")
            root = httpx.URL(uri).path.strip("/")
            paths = sorted(islice(self._walk(root, ""), MOST_FILES + 1))
        except MALFORMED as error:
            raise Unreadable(f"the list of its files is malformed ({type(error).__name__})") from None
        except Answered as error:
            raise Unreadable(f"its files cannot be listed: {error}") from None
        if len(paths) > MOST_FILES:
            raise Unreadable(f"it has more than {MOST_FILES} files")
        if not paths:
            raise Unreadable("it has no files")
        return root, paths

    @contextmanager
    def artifact(self, root: str, path: str) -> Iterator[Iterator[bytes]]:
        """Give the bytes of a file. Raises Unreadable."""
        try:
            with self.client.stream("GET", f"mlflow-artifacts/artifacts/{quote(f'{root}/{path}')}") as answer:
                if answer.is_error:
                    raise Unreadable(f"its file {path!r} cannot be read: {answer.status_code}")
                yield answer.iter_bytes(BLOCK)
        except httpx.HTTPError as error:
            raise Unreadable(f"its file {path!r} cannot be read: {type(error).__name__}") from None

    def _walk(self, root: str, folder: str) -> Iterator[str]:
        listed = self._get("mlflow-artifacts/artifacts", {"path": f"{root}/{folder}".strip("/")})
        for entry in listed.get("files", ()):
            path = f"{folder}/{entry['path']}".lstrip("/")
            if ".." in path.replace("\\", "/").split("/"):
                raise Unreadable(f"its file {path[:300]!r} lies outside of it")
            if path.count("/") > DEEPEST:
                raise Unreadable(f"its folders lie more than {DEEPEST} deep")
            if entry.get("is_dir"):
                yield from self._walk(root, path)
            else:
                yield path

    def _pages(self, route: str, field: str) -> Iterator[Document]:
        more: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            page = self._get(route, {"max_results": PAGE} | more)
            yield from page.get(field, ())
            if not (token := page.get("next_page_token")):
                return
            more = {"page_token": token}
        raise Failed(f"MLflow's answer to {route} does not end")

    def _get(self, route: str, query: Mapping[str, Any], *, missing_ok: bool = False) -> Document:
        try:
            answer = self.client.get(route, params=query)
            if missing_ok and answer.status_code == httpx.codes.NOT_FOUND:
                return {}
            answer.raise_for_status()
            document: Document = answer.json()
        except httpx.HTTPStatusError as error:
            raise Answered(f"MLflow answered {error.response.status_code} to {route}") from None
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            raise Failed(f"MLflow does not answer to {route}: {type(error).__name__}") from None
        if not isinstance(document, Mapping):
            raise Failed(f"MLflow's answer to {route} is malformed")
        return document


def _told(name: str) -> str:
    return os.environ.get(f"MLFLOW_TRACKING_{name}", "")


def _trust() -> bool | SSLContext:
    """Return whom to trust over HTTPS: the certificate's file that is named, anybody where that is asked for."""
    if _told("INSECURE_TLS").lower() in ("true", "1"):
        return False
    file = _told("SERVER_CERT_PATH")
    return create_default_context(cafile=file) if file else True
