"""What the measures of the ledger share: the kinds of writes, options, and the switch that turns events off."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

Send: TypeAlias = Callable[[str, str, Any], Any]  # method, path below /v1, body -> document of the answer
Write: TypeAlias = tuple[str, Callable[[str], object], Sequence[str]]  # kind, function, its arguments

ENGINES = ("sqlite", "postgres", "mongodb")
BYTES = "application/octet-stream"
ITEM = {
    "description": "Predicts which customers leave.",
    "tags": ["common", "word-1"],
    "metadata": [{"name": "accuracy", "value": 0.93}, {"name": "framework", "value": "torch"}],
}
CHANGE = {"description": "Predicts which customers leave within a month.", "status": "production"}
MOVE = {"version": "2", "reason": "It passed the review."}
WRITES = ("create tag", "create", "change", "upload", "alias move", "delete version", "delete item")
FUNCTIONS = ("event", "record", "record_all", "changed", "created", "deleted")  # that only the ledger needs
MODULES = ("tenants.ledger.recording", "catalog.history")
numbers = count()


def parsed(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line: the parser's own, and those of all measures of the ledger."""
    parser.add_argument("--engines", nargs="+", default=list(ENGINES))
    parser.add_argument("--items", type=int, default=1000, help="items that exist before")
    parser.add_argument("--output", type=Path, help="folder of performance.md, whose section is written")
    return parser.parse_args(arguments)


def writes(send: Send, amount: int) -> Iterator[Write]:
    """Yield each kind of write of so many items; the caller calls its function with each argument before the next."""
    names = [f"{os.getpid()}-{next(numbers)}" for _ in range(amount)]
    items: list[str] = []

    def upload(item: str) -> None:
        send("PUT", f"models/{item}/versions/model.onnx", os.urandom(1024))

    yield "create tag", lambda name: send("POST", "tags", {"_id": name}), names
    yield "create", lambda name: items.append(send("POST", "models", ITEM | {"name": name})["_id"]), names
    yield "change", lambda item: send("PUT", f"models/{item}", CHANGE), items
    yield "upload", upload, items
    for item in items:
        send("PUT", f"models/{item}/aliases/production", MOVE | {"version": "1"})
        upload(item)
    yield "alias move", lambda item: send("PUT", f"models/{item}/aliases/production", MOVE), items
    yield "delete version", lambda item: send("DELETE", f"models/{item}/versions/1", b""), items
    yield "delete item", lambda item: send("DELETE", f"models/{item}", b""), items


def switch_events(are_on: Callable[[], bool]) -> None:
    """Replace the functions of the ledger, wherever they are imported, so that they do nothing while events are off."""
    for module in list(sys.modules.values()):
        for name in FUNCTIONS:
            function = vars(module).get(name)
            if getattr(function, "__module__", "") in MODULES:
                setattr(module, name, _switched(function, are_on))


def _switched(function: Any, are_on: Callable[[], bool]) -> Callable[..., Any]:
    return lambda *args, **kwargs: function(*args, **kwargs) if are_on() else {"_id": ""}
