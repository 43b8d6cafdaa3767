"""The API as pages: what a browser is answered where a program gets JSON."""
