"""Wires the apps to a registry; no app imports it."""

__version__ = "1.0.0"
