"""Turns environment variables into typed settings: variables, secrets, databases and storage."""
