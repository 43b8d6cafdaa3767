"""The admin site's pages on models, datasets and algorithms, and on their words."""

from catalog.admin import items, words

__all__ = ["items", "words"]
