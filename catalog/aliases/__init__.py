"""Names that point at one version of an item, the history of their moves, and the rules that protect them."""
