"""What stands between the socket and Django: workers, slots, slow bodies, TLS, static files."""
