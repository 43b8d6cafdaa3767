"""Identity: login, tokens, sessions, passwords, resets, and the routes for tenants and users."""
