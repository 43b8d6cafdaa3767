"""Counts the files and switches between files that a reader must follow to understand a request: `make trace`.

Four requests run in one process on SQLite. Counted are the files of the project's named functions that are called, and
how often the file or the app changes from one call to the next. Each request is sent three times and the third is
counted, because the first ones fill caches.
"""

import json
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from itertools import count, pairwise
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
APPS = ("registry_site", "catalog", "versions", "folksonomy", "tenants")
PASSWORD = "Temporary1!"
FILTER = json.dumps({"tags": "a", "metadata.accuracy": {"$gte": 0.5}})


def main(arguments: Sequence[str]) -> None:
    """Print a row for each request; with `--files`, also the files."""
    with tempfile.TemporaryDirectory(prefix="trace-") as folder:
        os.environ |= {
            "DATABASE": f"sqlite:///{folder}/registry.sqlite3",
            "UPLOAD_PATH": f"{folder}/uploads",
            "VARIABLES_FILE": os.devnull,
            "API_TOKEN": secrets.token_urlsafe(32),
            "JWT_SECRET": secrets.token_urlsafe(64),
            "LOG": "false",
            "DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD": PASSWORD,
            "DJANGO_SETTINGS_MODULE": "registry_site.settings",
        }
        print(f"{'request':22}{'files':>6}{'switches between files':>24}{'between apps':>14}")
        for name, request in requests():
            request()
            request()
            files = called_files(request)
            apps = [file.split("/")[0] for file in files]
            print(f"{name:22}{len(set(files)):6}{changes(files):24}{changes(apps):14}")
            if "--files" in arguments:
                print("  " + "\n  ".join(dict.fromkeys(files)))


def changes(values: Sequence[str]) -> int:
    """Return how often a value differs from the previous one."""
    return sum(before != after for before, after in pairwise(values))


def called_files(request: Callable[[], Any]) -> list[str]:
    """Return the file of each call of a named function of the project during a request."""
    files: list[str] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and not code.co_name.startswith("<") and code.co_filename.startswith(f"{ROOT}/"):
            file = code.co_filename.removeprefix(f"{ROOT}/")
            if file.split("/")[0] in APPS:
                files.append(file)

    sys.setprofile(note)
    try:
        answer = request()
    finally:
        sys.setprofile(None)
    if answer.status_code != 200:
        raise SystemExit(f"{answer.status_code}: {answer.content[:300]}")
    return files


def requests() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the four requests by name, for a registry in this process with one item."""
    import django  # noqa: PLC0415 - the environment is set first

    django.setup()
    from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    call_command("serve", "--prepare-only", stdout=StringIO())
    client, numbers = Client(), count()

    def send(method: str, path: str, body: object) -> Any:
        return client.generic(method, path, json.dumps(body), "application/json", headers=headers)

    headers: dict[str, str] = {}
    login = {"username": "admin", "password": PASSWORD}
    headers["Authorization"] = send("POST", "/v1/login", login).json()["token"]
    item = {"name": "churn", "tags": ["a"], "metadata": [{"name": "accuracy", "value": 0.9}]}
    model = f"/v1/models/{send('POST', '/v1/models', item).json()['_id']}"
    yield "list with a filter", lambda: client.get("/v1/models", {"filter": FILTER}, headers=headers)
    yield (
        "upload",
        lambda: client.post(
            f"{model}/versions", {"file": SimpleUploadedFile("a.bin", os.urandom(64))}, headers=headers
        ),
    )
    yield (
        "PUT with lists",
        lambda: send(
            "PUT",
            model,
            {
                "tags": {"add": [f"tag-{next(numbers)}"]},
                "metadata": {"add": [{"name": "accuracy", "value": next(numbers)}]},
                "users": {"add": ["admin"]},
            },
        ),
    )
    yield "login", lambda: send("POST", "/v1/login", login)


if __name__ == "__main__":
    main(sys.argv[1:])
