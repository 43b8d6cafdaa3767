"""A whole registry in a folder, from any engine to any engine; docs/operations.md describes the folder."""
