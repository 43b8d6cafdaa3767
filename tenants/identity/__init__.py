"""Who is calling: login, tokens, sessions, attempts, passwords, resets, and the routes on tenants and users."""
