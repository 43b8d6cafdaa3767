"""The admin site's pages on models, datasets and algorithms, on their words, and on aliases."""

from catalog.admin import aliases, items, words

__all__ = ["aliases", "items", "words"]
