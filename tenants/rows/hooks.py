"""What the lower apps ask of the higher ones, found by name because imports run the other way."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string


def hook(name: str) -> Callable[..., Any]:
    """Return the function that `settings.HOOKS` names; see there for what each must do."""
    function: Callable[..., Any] = import_string(settings.HOOKS[name])
    return function
