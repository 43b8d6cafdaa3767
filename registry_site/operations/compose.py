"""One-time setup for docker-compose.yml: creates secrets, and MongoDB's replica set with its users.

`secrets FOLDER DATABASE_UID REGISTRY_UID` creates the secrets, `database FOLDER ADDRESS` the replica set and its users.
Both are idempotent.
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
SECONDS = 120  # how long to wait for the database to start
ALREADY_INITIATED = 23
UNAUTHORIZED, WRONG_PASSWORD, USER_EXISTS = (13, 18), 18, 51003
Client = MongoClient[dict[str, object]]


def make_secrets(folder: Path, owners: dict[str, int]) -> None:
    """Create each missing secret in its own file, readable by its owner alone.

    The database's root and the registry's user have different passwords, and the registry reads only its own.
    """
    _write(folder / "database" / "root-password", secrets.token_urlsafe(32), owners["database"])
    password = _write(folder / "database" / "password", secrets.token_urlsafe(32), owners["database"])
    # MongoDB accepts only base64 characters in a key.
    _write(folder / "database" / "keyfile", secrets.token_hex(256), owners["database"])
    mongodb = f"mongodb://{USER}:{password}@database:27017/{NAME}?replicaSet=rs0&authSource={NAME}"
    postgres = f"postgres://{USER}:{password}@postgres:5432/registry"
    _write(folder / "registry" / "mongodb" / "DATABASE", mongodb, owners["registry"])
    _write(folder / "registry" / "postgres" / "DATABASE", postgres, owners["registry"])


def _write(file: Path, content: str, owner: int) -> str:
    """Write a secret atomically unless the file exists; return the file's content."""
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
    """Create the replica set of one member, root and the registry's user, unless they exist.

    MongoDB allows this to local connections while it has no user. Raises PyMongoError.
    """
    root, password = ((folder / "database" / name).read_text() for name in ("root-password", "password"))
    with Client(address, directConnection=True, serverSelectionTimeoutMS=2000) as client:
        _retry(lambda: client.admin.command("ping"))
        configuration = {"_id": "rs0", "members": [{"_id": 0, "host": member}]}
        _unless((ALREADY_INITIATED, *UNAUTHORIZED), lambda: client.admin.command("replSetInitiate", configuration))
        _retry(lambda: _check(client.admin.command("hello")["isWritablePrimary"]))
        # The first user must be an administrator: once a user exists, only an administrator can add others.
        administrator = {"createUser": "root", "pwd": root, "roles": [{"role": "root", "db": "admin"}]}
        _unless((USER_EXISTS, *UNAUTHORIZED), lambda: client.admin.command(administrator))
    _separate_root(address, root, password)
    with _as_root(address, root) as client:
        roles = [{"role": "readWrite", "db": NAME}, {"role": "dbAdmin", "db": NAME}]
        _unless((USER_EXISTS,), lambda: client[NAME].command("createUser", USER, pwd=password, roles=roles))


def _as_root(address: str, password: str) -> Client:
    return Client(address, directConnection=True, username="root", password=password, authSource="admin")


def _separate_root(address: str, root: str, shared: str) -> None:
    """Give root its own password where an older version made both users with one."""
    try:
        with _as_root(address, root) as client:
            client.admin.command("ping")
    except OperationFailure as error:
        if error.code != WRONG_PASSWORD:
            raise
        with _as_root(address, shared) as client:
            client.admin.command("updateUser", "root", pwd=root)


def _unless(codes: tuple[int, ...], action: Callable[[], object]) -> None:
    """Run the action; ignore failures with these codes, which mean that it was done before."""
    try:
        action()
    except OperationFailure as error:
        if error.code not in codes:
            raise


def _check(condition: object) -> None:
    if not condition:
        raise OSError("not yet")


def _retry(action: Callable[[], object]) -> None:
    """Run the action until it succeeds. After SECONDS raises its last error."""
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
