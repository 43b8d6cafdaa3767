#!/usr/bin/env python3
"""Runs the registry's commands: `./manage.py help` lists them."""

from registry_site.cli import main

if __name__ == "__main__":
    main()
