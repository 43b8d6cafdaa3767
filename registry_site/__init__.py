"""Combines the apps into one running service. No app imports this package."""

__version__ = "1.0.0"
