"""Imports the content of other registries: source records are read, converted and written to a target tenant."""
