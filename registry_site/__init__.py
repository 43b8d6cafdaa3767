"""Wires the apps to a registry; no app imports it."""
