"""A registry of the original: the documents and files that its Node server stores."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import bcrypt
from bson import ObjectId
from pymongo import MongoClient

from tests.engines import Server

COST = 4  # the original's is 8
COLLECTIONS = {"model": "models", "dataset": "datasets", "algorithm": "algorithms"}


def at(day: int, hour: int = 12) -> datetime:
    """Return a time in a past month."""
    return datetime(2023, 5, day, hour, 30, 15, 123000, tzinfo=UTC)


def bcrypted(password: str) -> str:
    """Return a hash in the format of bcryptjs."""
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(COST, b"2a")).decode()


class OriginalTenant:
    """A tenant's database; every method writes one document and returns its id."""

    def __init__(self, registry: "OriginalRegistry", id: str, database: str) -> None:
        self.registry, self.id, self.database = registry, id, registry.client[database]

    def user(self, username: str, **fields: Any) -> ObjectId:
        document = {
            "_id": ObjectId(),
            "username": username,
            "password": bcrypted(f"{username}-Passw0rd"),
            "email": f"{username}@example.org",
            "role": "regular",
            "createdPassword": at(2),
            "validityPasswordDays": 0,
            "timestamp": at(1),
            "lastmod": at(1),
            "__v": 0,
        }
        return self._insert("users", document | fields)

    def word(self, collection: str, name: str, owner: Any, **fields: Any) -> Any:
        document = {"_id": name, "usage": "folk", "owner": owner, "timestamp": at(3), "__v": 0}
        return self._insert(collection, document | fields)

    def item(self, kind: str, name: str, owner: Any, **fields: Any) -> ObjectId:
        document: dict[str, Any] = {
            "_id": ObjectId(),
            "name": name,
            "owner": owner,
            "users": [],
            "versions": [],
            "metadata": [],
            "tags": [],
            "visibility": "private",
            "timestamp": at(5),
            "__v": 0,
        }
        if kind != "dataset":
            document |= {"status": "training", "datasets": []}
        return self._insert(COLLECTIONS[kind], document | fields)

    def change(self, kind: str, id: Any, **fields: Any) -> None:
        """Change an item directly in the database."""
        self.database[COLLECTIONS[kind]].update_one({"_id": id}, {"$set": fields})

    def _insert(self, collection: str, document: dict[str, Any]) -> Any:
        return self.database[collection].insert_one(document).inserted_id


class OriginalRegistry:
    """A catalogue of tenants and a folder of uploads."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.folder = folder
        self.prefix = f"original_{uuid4().hex[:8]}"
        self.catalogue = f"{self.prefix}_catalog"
        self.url = server.url_of(self.catalogue)
        self.client: MongoClient[dict[str, Any]] = MongoClient(self.url)

    def tenant(self, id: str, **fields: Any) -> OriginalTenant:
        database = fields.pop("database", f"{self.prefix}_{len(self.databases())}")
        document = {
            "_id": id,
            "database": database,
            "organization": "Measurify org",
            "address": "Via Opera Pia, Genova",
            "email": "info@example.org",
            "phone": "+39 010 0000",
            "passwordhash": True,
            "timestamp": at(1),
            "lastmod": at(1),
            "__v": 0,
        }
        self.client[self.catalogue]["tenants"].insert_one(document | fields)
        return OriginalTenant(self, id, database)

    def version(self, ordinal: Any, original: str, content: bytes, **fields: Any) -> dict[str, Any]:
        """Write a file into the uploads and return the version that refers to it."""
        key = uuid4().hex
        (self.folder / key).write_bytes(content)
        return {
            "ordinal": str(ordinal),
            "key": key,
            "original": original,
            "encoding": "7bit",
            "mimetype": "application/octet-stream",
            "size": len(content),
            "description": "Trained on more",
            "timestamp": at(6),
        } | fields

    def databases(self) -> list[str]:
        return [name for name in self.client.list_database_names() if name.startswith(self.prefix)]

    def close(self) -> None:
        for name in self.databases():
            self.client.drop_database(name)
        self.client.close()
