"""Saved views: searches of lists that users keep under a name, and share."""
