"""Calls from lower apps to higher ones, which lower apps must not import."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string


@cache
def hook(name: str) -> Callable[..., Any]:
    """Return the function that `settings.HOOKS` names; its contract is documented there."""
    function: Callable[..., Any] = import_string(settings.HOOKS[name])
    return function
