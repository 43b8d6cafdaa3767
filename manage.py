#!/usr/bin/env python3
"""Runs the registry's commands: `./manage.py help` lists them."""

import os
import sys

from django.core.management import execute_from_command_line

from registry_site import environment

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")
    if written := environment.prepare():
        print(f"Wrote {written} with fresh secrets", file=sys.stderr)  # noqa: T201 - a command's word to its caller
    execute_from_command_line(sys.argv)
