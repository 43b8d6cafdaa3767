"""Protocols of other registries over the same services; each is a translation without rules of its own."""
