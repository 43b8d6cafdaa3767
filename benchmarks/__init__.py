"""Measures the registry's performance and compares it with others: `python -m benchmarks --help`."""
