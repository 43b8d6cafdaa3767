"""The admin site's pages on models, datasets and algorithms, on their words, and on aliases."""

from catalog.admin import aliases, items, merges, words

__all__ = ["aliases", "items", "merges", "words"]
