"""Compares items and versions: their metadata, and other fields, side by side."""
