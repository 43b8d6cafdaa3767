"""Reads the file `MLmodel` that describes a folder with a model: YAML of texts. Nothing is unpickled or executed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import yaml

from catalog.models import Item
from tenants.rows.texts import unfit_path
from versions.files import StoredFile, find_file
from versions.models import Version
from versions.storage import store

NAME = "MLmodel"
LARGEST, LARGEST_EXAMPLE = 64 * 1024, 4 * 1024  # bytes that are read of the file, and of an input example
MOST = 1000  # columns, and flavors
LONGEST = 200  # characters of a text
PARTS = (("inputs", "Input"), ("outputs", "Output"), ("params", "Parameter"))  # of a signature, in this order
NESTED = 4  # levels of a type
SHORT = {"xgboost": "xgb", "lightgbm": "lgb"}  # flavors whose version has another prefix
DEEPEST = 50  # levels of the YAML


@dataclass(frozen=True)
class Field:
    """An input, output or parameter of a model."""

    kind: str
    name: str
    type: str
    required: bool
    default: str = ""


@dataclass(frozen=True)
class Description:
    """What `MLmodel` says: flavors with their versions, the signature, and the path and text of an input example."""

    flavors: Sequence[tuple[str, str]]
    fields: Sequence[Field] = ()
    example: str = ""
    example_text: str = ""

    @property
    def is_pyfunc(self) -> bool:
        """Whether `mlflow.pyfunc` loads the model."""
        return any(name == "python_function" for name, _ in self.flavors)


def is_model(item: Item, ordinal: str) -> bool:
    """Return whether the version of the item has a file `MLmodel`."""
    version = Version.objects.of(item.tenant_id).filter(subject=item.pk, ordinal=ordinal).first()
    return version is not None and find_file(version, NAME) is not None


def described(version: Version) -> Description | None:
    """Return what the version's `MLmodel` says; None if there is none, or if it cannot be read."""
    file = find_file(version, NAME)
    text = _read(file, LARGEST) if file and file.size <= LARGEST else None
    found = parsed(text) if text is not None else None
    if found is None or not found.example:
        return found
    example = find_file(version, found.example)
    shown = _read(example, LARGEST_EXAMPLE) if example else None
    if example is None or shown is None:
        return Description(found.flavors, found.fields)
    more = "…" if example.size > LARGEST_EXAMPLE else ""
    return Description(found.flavors, found.fields, found.example, shown.decode(errors="replace") + more)


def parsed(text: bytes) -> Description | None:
    """Return the description, or None for anything that is none."""
    try:
        if _is_deep(text):
            return None
        # This loader makes texts, lists and dicts alone: no tag of YAML has a meaning, and aliases are not expanded.
        document = yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506
    except (yaml.YAMLError, ValueError):
        return None
    flavors = _dict(document).get("flavors")
    if not isinstance(flavors, dict):
        return None
    signature, example = _dict(_dict(document).get("signature")), _dict(_dict(document).get("saved_input_example_info"))
    path = example.get("artifact_path")
    return Description(
        [(_text(name), _version(name, _dict(about))) for name, about in list(flavors.items())[:MOST]],
        [field for part, kind in PARTS for field in _fields(kind, signature.get(part))],
        path if isinstance(path, str) and not unfit_path(path) else "",
    )


def _version(flavor: Any, about: Mapping[str, Any]) -> str:
    """Return the version of the library that wrote the model."""
    return _text(about.get(f"{SHORT.get(flavor, flavor)}_version", ""))


def _is_deep(text: bytes) -> bool:
    """Return whether the YAML is nested too deeply to build it, which takes a stack frame for each level."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CBaseLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            return True
    return False


def _read(file: StoredFile, most: int) -> bytes | None:
    try:
        with store().read(file.key, 0, min(file.size, most)) as stored:
            return stored.read(most)
    except OSError:  # the version was deleted meanwhile, or the store fails
        return None


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _fields(kind: str, text: Any) -> Sequence[Field]:
    """Return the fields of a part of a signature, which is JSON in a text."""
    try:
        columns = orjson.loads(text) if isinstance(text, str) else []
    except ValueError:
        return []
    columns = columns if isinstance(columns, list) else []
    return [_field(kind, place, each) for place, each in enumerate(columns[:MOST]) if isinstance(each, dict)]


def _field(kind: str, place: int, column: Mapping[str, Any]) -> Field:
    name, default = column.get("name"), column.get("default")
    return Field(
        kind,
        _text(name) if isinstance(name, str) and name else str(place),
        _text(type_of(column)),
        column.get("required") is not False and kind == "Input",
        "" if default is None else _text(json.dumps(default)),
    )


def type_of(column: Any, level: int = 0) -> str:
    """Return the type of a column as text, such as `double`, `array of long` or `float64 [-1, 28, 28]`."""
    column = _dict(column)
    kind, tensor = column.get("type"), _dict(column.get("tensor-spec"))
    if tensor:
        return f"{tensor.get('dtype')} {tensor.get('shape')}"
    if level == NESTED:
        return "…"
    if kind == "array":
        return f"array of {type_of(column.get('items'), level + 1)}"
    if kind == "map":
        return f"map of {type_of(column.get('values'), level + 1)}"
    if kind == "object":
        properties = list(_dict(column.get("properties")).items())[:20]
        return f"object of {', '.join(f'{name}: {type_of(each, level + 1)}' for name, each in properties)}"
    return str(kind)


def _text(value: Any) -> str:
    """Return a text that can be shown: not too long, and with lone surrogates escaped."""
    text = str(value).encode(errors="backslashreplace").decode()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def load_line(name: str, chosen: str) -> str:
    """Return the line of Python that loads a version of a model, by `@alias` or `/ordinal`."""
    uri = f"models:/{name.replace('/', '%2F')}{chosen}"
    return f"model = mlflow.pyfunc.load_model({json.dumps(uri, ensure_ascii=False)})"
