"""Who you are and what is yours: tenants, users, tokens, permissions, and the request log."""
