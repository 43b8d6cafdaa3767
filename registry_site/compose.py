"""What docker-compose.yml needs once, before MongoDB and the registry start: secrets, and a replica set.

`secrets FOLDER UID UID` makes the secrets of MongoDB's and the registry's user, `database FOLDER ADDRESS` the replica
set and its users; both may run again at any time.
"""

import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

NAME, USER = "registry-catalog", "registry"
SECONDS = 120  # that the database has to start
ALREADY_INITIATED = 23
UNAUTHORIZED, USER_EXISTS = (13, 18), 51003


def make_secrets(folder: Path, owners: dict[str, int]) -> None:
    """Write what is not there yet: each secret in a file, readable by its owner alone."""
    password = _write(folder / "database" / "password", secrets.token_urlsafe(32), owners["database"])
    # MongoDB takes no key with other characters than those of base64.
    _write(folder / "database" / "keyfile", secrets.token_hex(256), owners["database"])
    mongodb = f"mongodb://{USER}:{password}@database:27017/{NAME}?replicaSet=rs0&authSource={NAME}"
    postgres = f"postgres://{USER}:{password}@postgres:5432/registry"
    _write(folder / "registry" / "mongodb" / "DATABASE", mongodb, owners["registry"])
    _write(folder / "registry" / "postgres" / "DATABASE", postgres, owners["registry"])


def _write(file: Path, content: str, owner: int) -> str:
    """Put a secret in place, whole, unless there is one; return the one that is there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}")
        draft.unlink(missing_ok=True)
        draft.touch(0o600)
        draft.write_text(content)
        draft.chmod(0o400)
        os.chown(draft, owner, -1)
        draft.rename(file)
    return file.read_text()


def make_replica_set(folder: Path, address: str, member: str = "database:27017") -> None:
    """Make the replica set of one member and the registry's user in it, unless they are there.

    MongoDB lets whoever comes from its own machine do so while it has no user. Raises PyMongoError.
    """
    password = (folder / "database" / "password").read_text()
    with MongoClient[dict[str, object]](address, directConnection=True, serverSelectionTimeoutMS=2000) as client:
        _insist(lambda: client.admin.command("ping"))
        configuration = {"_id": "rs0", "members": [{"_id": 0, "host": member}]}
        _unless((ALREADY_INITIATED, *UNAUTHORIZED), lambda: client.admin.command("replSetInitiate", configuration))
        _insist(lambda: _check(client.admin.command("hello")["isWritablePrimary"]))
        # The first user must be an administrator: nobody could be added once there is another one.
        administrator = {"createUser": "root", "pwd": password, "roles": [{"role": "root", "db": "admin"}]}
        _unless((USER_EXISTS, *UNAUTHORIZED), lambda: client.admin.command(administrator))
    with MongoClient[dict[str, object]](
        address, directConnection=True, username="root", password=password, authSource="admin"
    ) as client:
        roles = [{"role": "readWrite", "db": NAME}, {"role": "dbAdmin", "db": NAME}]
        _unless((USER_EXISTS,), lambda: client[NAME].command("createUser", USER, pwd=password, roles=roles))


def _unless(codes: tuple[int, ...], action: Callable[[], object]) -> None:
    """Act; that it was done before, as the codes say, is well."""
    try:
        action()
    except OperationFailure as error:
        if error.code not in codes:
            raise


def _check(condition: object) -> None:
    if not condition:
        raise OSError("not yet")


def _insist(action: Callable[[], object]) -> None:
    """Act again until nothing is raised. Raises what was, after SECONDS."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            action()
        except (OSError, PyMongoError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


if __name__ == "__main__":
    if sys.argv[1] == "secrets":
        make_secrets(Path(sys.argv[2]), {"database": int(sys.argv[3]), "registry": int(sys.argv[4])})
    else:
        make_replica_set(Path(sys.argv[2]), sys.argv[3])
