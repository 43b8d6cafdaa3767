"""A demo: 60 items of five projects, with lineage, metrics, versions and small files; always the same."""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from catalog.aliases.models import AliasMove
from catalog.aliases.services import move_alias
from catalog.models import STATUSES, Item
from catalog.representation import item_documents
from catalog.services import add_item_version, create_item, delete_item
from folksonomy.models import MetadataName, Tag
from folksonomy.services import set_direction
from folksonomy.synonyms import term_documents
from tenants.exceptions import Refused
from tenants.identity.deletions import delete_user
from tenants.identity.services import create_user
from tenants.models import User
from versions.models import SpentOrdinal, Version
from versions.services import Upload
from versions.storage import store

TAG = "demo"
USERS = ("demo.mira", "demo.jonas", "demo.lena")
MAIL = "{}@demo.example"
YEARS = ("2023", "2024", "2025")
NOTES = ("First run", "Cleaned labels", "Tuned learning rate")
STEP = 0.015  # accuracy that each version of a model gains
BETTER = dict.fromkeys(("accuracy", "f1", "auc"), "higher") | dict.fromkeys(("latency_ms", "train_minutes"), "lower")
# Model -> its moves of aliases: alias, ordinal, reason.
MOVES = {
    "random-forest": (
        ("production", "2", "More robust than the baseline"),
        ("production", "3", "Passed the fairness review"),
    ),
    "transformer": (("staging", "3", "Candidate for the next release"),),
}


@dataclass(frozen=True)
class Project:
    """A project: prefix of its items' names, team, columns of its data, best accuracy."""

    name: str
    team: str
    columns: tuple[str, ...]
    best: float


PROJECTS = (
    Project("customer-churn", "marketing", ("tenure_months", "monthly_charge", "support_calls", "churned"), 0.93),
    Project("demand-forecast", "supply-chain", ("week", "store", "price", "units"), 0.90),
    Project("defect-detection", "manufacturing", ("line", "temperature", "vibration", "defect"), 0.97),
    Project("payment-fraud", "payments", ("amount", "merchant", "hour", "fraud"), 0.95),
    Project("ticket-routing", "support", ("length", "language", "product", "queue"), 0.88),
)
# Models of each project: suffix of the name, framework, accuracy below the best, number of versions, parameters.
MODELS: tuple[tuple[str, str, float, int, Mapping[str, float]], ...] = (
    ("baseline", "scikit-learn", 0.14, 1, {"max_depth": 3}),
    ("logistic", "scikit-learn", 0.10, 2, {"regularization": 0.5}),
    ("random-forest", "scikit-learn", 0.06, 3, {"max_depth": 12, "n_estimators": 300}),
    ("boosted-trees", "xgboost", 0.02, 3, {"max_depth": 6, "n_estimators": 800, "learning_rate": 0.05}),
    ("boosted-trees-small", "xgboost", 0.04, 2, {"max_depth": 4, "n_estimators": 200, "learning_rate": 0.1}),
    ("mlp", "pytorch", 0.05, 3, {"layers": 3, "learning_rate": 0.001}),
    ("transformer", "pytorch", 0.0, 3, {"layers": 6, "learning_rate": 0.0003}),
)
ALGORITHMS = ("feature-pipeline", "training-loop")


@dataclass(frozen=True)
class File:
    """A version: the name, media type and content of its file, its description and metadata."""

    name: str
    mimetype: str
    content: bytes
    description: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Example:
    """An item of the demo. `owner` is an index of `USERS`, or None for the user who creates the demo."""

    owner: int | None
    fields: Mapping[str, Any]
    files: Sequence[File]
    moves: Sequence[tuple[str, str, str]] = ()


def _examples() -> Iterator[Example]:
    """Yield all items, those that others refer to first. The same call always yields the same."""
    for number, project in enumerate(PROJECTS):
        for year in YEARS:
            yield _dataset(project, year)
        for name in ALGORITHMS:
            yield _algorithm(project, name)
        for place, model in enumerate(MODELS):
            # The creator owns the first project, and with it all tags and metadata names, so that users can be deleted.
            yield _model(project, place, model, None if number == 0 else (number + place) % len(USERS))


def _dataset(project: Project, year: str) -> Example:
    random, rows = Random(f"{project.name} {year}"), 60 * (1 + YEARS.index(year))
    lines = [",".join(project.columns)]
    lines += [",".join(str(random.randint(0, 99)) for _ in project.columns) for _ in range(rows)]
    name = f"{project.name}-{year}"
    files = [
        File(f"{name}.csv", "text/csv", "\n".join([*lines[:kept], ""]).encode(), note)
        for kept, note in ((rows // 2, "First half of the year"), (rows + 1, "Whole year"))
    ]
    metadata = {"rows": rows, "columns": len(project.columns), "source": "warehouse", "personal_data": False}
    return Example(None, _fields("dataset", name, project, (year, "csv"), metadata), files)


def _algorithm(project: Project, what: str) -> Example:
    name = f"{project.name}-{what}"
    script = f'"""{what} of {project.name}."""\n\nCOLUMNS = {project.columns!r}\n'
    fields = _fields("algorithm", name, project, ("python",), {"language": "Python", "entry_point": "main"})
    fields |= {"status": "production", "datasets": [f"{project.name}-{YEARS[-1]}"]}
    return Example(None, fields, [File(f"{what}.py", "text/x-python", script.encode(), NOTES[0])])


def _model(project: Project, place: int, model: Any, owner: int | None) -> Example:
    suffix, framework, below, versions, parameters = model
    name, random = f"{project.name}-{suffix}", Random(f"{project.name} {suffix}")
    accuracy = round(project.best - below, 3)
    metrics = _metrics(accuracy)
    costs = {"latency_ms": 2 + 9 * place, "train_minutes": 3 * (place + 1) ** 2, "gpu": framework == "pytorch"}
    files = []
    for number in range(1, versions + 1):
        weights = [round(random.gauss(0, 1), 4) for _ in range(16)]
        content = {"model": name, "run": number, "parameters": parameters, "weights": weights}
        text = json.dumps(content, indent=1)
        reached = _metrics(accuracy - STEP * (versions - number))
        files.append(File(f"{name}-{number}.json", "application/json", text.encode(), NOTES[number - 1], reached))
    metadata = {"framework": framework, **metrics, **costs, **parameters}
    fields = _fields("model", name, project, (framework,), metadata)
    fields |= {"status": STATUSES[place % len(STATUSES)], "datasets": [f"{project.name}-{YEARS[place % 3]}"]}
    if suffix == "mlp":  # shared with one user instead of with all
        fields |= {"visibility": "private", "users": [USERS[0]]}
    return Example(owner, fields, files, MOVES.get(suffix, ()))


def _metrics(accuracy: float) -> dict[str, float]:
    return {"accuracy": round(accuracy, 3), "f1": round(accuracy - 0.02, 3), "auc": round(accuracy + 0.02, 3)}


def _fields(kind: str, name: str, project: Project, tags: Sequence[str], metadata: Mapping[str, Any]) -> dict[str, Any]:
    tags = (TAG, project.name, project.team, *tags)
    return {"kind": kind, "name": name, "visibility": "public", "tags": tags, "metadata": _pairs(metadata)}


def _pairs(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"name": key, "value": value} for key, value in metadata.items()]


NAMES = tuple(example.fields["name"] for example in _examples())


def demo_items(user: User) -> Sequence[Item]:
    """Return the demo's items that exist in the user's tenant, datasets last because models refer to them."""
    items = Item.objects.of(user.tenant_id).filter(tags__holds=TAG, name__in=NAMES)
    return sorted(items, key=lambda item: (item.kind == "dataset", item.name))


def create_demo(*, by: User) -> None:
    """Create what does not exist yet of the demo's users, items, versions and aliases in the tenant of `by`."""
    users = _create_users(by)
    present = {item.name: item for item in demo_items(by)}
    ids = [item.pk for item in present.values()]
    rows = [model.objects.of(by.tenant_id).filter(subject__in=ids) for model in (Version, SpentOrdinal)]
    made = {key for found in rows for key in found.values_list("subject", "ordinal")}  # deleted ones stay deleted
    for example in _examples():
        owner = by if example.owner is None else users[example.owner]
        item = present.get(example.fields["name"]) or create_item(by=owner, **example.fields)
        for number, file in enumerate(example.files, start=1):
            if (item.pk, str(number)) not in made:
                _add_version(item, file, str(number), owner)
        if example.moves and not AliasMove.objects.filter(subject=item.pk).exists():
            for alias, ordinal, reason in example.moves:
                move_alias(item=item, alias=alias, version=ordinal, by=owner, reason=reason)
    for term in MetadataName.objects.of(by.tenant_id).filter(name__in=BETTER, better=None):
        set_direction(term=term, better=BETTER[term.name], by=by)


def _create_users(by: User) -> list[User]:
    """Return the demo's users. Their passwords are random and not shown; an administrator can set new ones."""
    assert by.tenant is not None, "superusers have no tenant, and no demo"  # noqa: S101
    known = {user.username: user for user in User.objects.of(by.tenant_id).filter(username__in=USERS)}
    for name in USERS:
        if name not in known:
            email, password = MAIL.format(name), f"Aa1!{secrets.token_urlsafe(24)}"
            known[name] = create_user(tenant=by.tenant, username=name, password=password, email=email, by=by)
    return [known[name] for name in USERS]


def _add_version(item: Item, file: File, ordinal: str, by: User) -> None:
    with store().receive() as incoming:
        incoming.write(file.content)
        received = incoming.finish()
    try:
        metadata = _pairs(file.metadata)
        upload = Upload(received, file.name, file.mimetype, "binary", file.description, metadata=metadata)
        add_item_version(item=item, upload=upload, by=by, ordinal=ordinal)
    finally:
        store().discard(received)


def delete_demo(*, by: User) -> None:
    """Remove the demo's items, and its users where they own nothing else."""
    for item in demo_items(by):
        delete_item(item=item, by=by)
    emails = [MAIL.format(name) for name in USERS]
    for user in User.objects.of(by.tenant_id).filter(username__in=USERS, email__in=emails):
        with suppress(Refused):
            delete_user(user=user, by=by)


def documents_with_words(items: Sequence[Item], reader: User) -> Mapping[str, Sequence[dict[str, Any]]]:
    """Return the datasets and models among the items, and their users and words, as an administrator sees them."""
    named = {pk for item in items for pk in (item.owner_id, *item.users)}
    words = {
        "tags": (Tag, {tag for item in items for tag in item.tags}),
        "metadata": (MetadataName, {pair["name"] for item in items for pair in item.metadata}),
    }
    documents = item_documents(items, reader)
    by_kind = {
        f"{kind}s": [document for document, item in zip(documents, items, strict=True) if item.kind == kind]
        for kind in ("dataset", "model")
    }
    users = [user.to_api() for user in User.objects.of(reader.tenant_id).filter(pk__in=named).order_by("username")]
    terms = {name: _terms(model, names, reader) for name, (model, names) in words.items()}
    return {"users": users} | terms | by_kind


def _terms(model: Any, names: Iterable[str], reader: User) -> Sequence[dict[str, Any]]:
    rows = list(model.objects.of(reader.tenant_id).filter(name__in=list(names)).order_by("name"))
    return term_documents(rows)
