"""Something to play with: examples in the demo tenant."""

from collections.abc import Sequence
from typing import Any

from catalog.models import Item
from catalog.services import create_item, delete_item
from tenants.models import User

TAGS = ("demo",)
EXAMPLES: Sequence[dict[str, Any]] = (
    {
        "kind": "dataset",
        "name": "demo-flowers",
        "metadata": [{"name": "rows", "value": 150}, {"name": "licence", "value": "CC-BY-4.0"}],
    },
    {"kind": "algorithm", "name": "demo-random-forest", "metadata": [{"name": "trees", "value": 100}]},
    {
        "kind": "model",
        "name": "demo-flower-classifier",
        "status": "test",
        "datasets": ["demo-flowers"],
        "metadata": [{"name": "accuracy", "value": 0.96}, {"name": "framework", "value": "scikit-learn"}],
    },
)


def demo_items(user: User) -> Sequence[Item]:
    """Return the examples that are there, those that others need last."""
    return sorted(Item.objects.of(user.tenant_id).filter(tags__holds="demo"), key=lambda item: item.kind == "dataset")


def create_demo(*, by: User) -> None:
    """Make the examples that are not there."""
    present = {item.name for item in demo_items(by)}
    for example in EXAMPLES:
        if example["name"] not in present:
            create_item(by=by, visibility="public", tags=TAGS, **example)


def delete_demo(*, by: User) -> None:
    """Remove the examples."""
    for item in demo_items(by):
        delete_item(item=item)
