"""How quick the registry is, beside others: `python -m benchmarks --help`."""
