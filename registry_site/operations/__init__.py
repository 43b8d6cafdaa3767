"""What operators run: backup, restore, integrity checks, imports."""
