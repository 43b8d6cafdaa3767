"""Merges of words: what they would lose, and how they are undone."""
