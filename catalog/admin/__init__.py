"""The admin site's pages on models, datasets and algorithms."""

from catalog.admin import items

__all__ = ["items"]
