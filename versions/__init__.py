"""Bytes with names and ordinals, ignorant of what they belong to."""
