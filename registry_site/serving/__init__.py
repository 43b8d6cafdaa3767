"""Serves the application: server, workers, request slots, timeouts of slow clients, TLS and static files."""
