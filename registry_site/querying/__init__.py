"""The list language: filter, sort, select and pages, the same on every engine."""
