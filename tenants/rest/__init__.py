"""What every route builds on: collections, permissions, negotiation, errors, the list language."""
