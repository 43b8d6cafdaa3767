"""What every row builds on: fields, tenant querysets, transactions, locks, fences, prepared queries."""
