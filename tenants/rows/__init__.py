"""The database layer of every app: fields, transactions, locks, fences, prepared queries, rules for names."""
