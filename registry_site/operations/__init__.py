"""Commands for operators: backup, restore, integrity checks and imports."""

CHUNK_SIZE = 1024 * 1024  # bytes that are read at a time
