"""The registry's command line: `model-registry` where it is installed, `./manage.py` in a checkout."""

import gc
import os
import sys

import django
from django.core.management import execute_from_command_line

from registry_site import __version__
from registry_site.config import environment

# These commands may create a new registry. The others fail without one: a backup of nothing would look like success.
CREATING_COMMANDS = ("serve", "demo", "migrate", "createsuperuser", "restore", "import_measurify", "import_mlflow")
INFORMATION_COMMANDS = ("help", "--help", "-h", "variables", "postman")
# Placeholders: settings require these variables, but information commands do not use them.
PLACEHOLDERS = {"API_TOKEN": "-", "JWT_SECRET": "-", "DATABASE": f"sqlite:///{os.devnull}"}


def main() -> None:
    """Run a command. A command that may create a registry first writes the missing variables file."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command in ("version", "--version"):
        print(__version__)  # noqa: T201 - the command's output
        return
    if command in INFORMATION_COMMANDS or "--help" in sys.argv or "-h" in sys.argv:
        os.environ |= PLACEHOLDERS
    elif command in CREATING_COMMANDS and (written := environment.prepare()):
        print(f"Wrote {written} with fresh secrets", file=sys.stderr)  # noqa: T201 - a message to the caller
    gc.disable()  # little of what is imported is garbage, and collections would take a fifth of a start
    django.setup()
    gc.freeze()
    gc.enable()
    execute_from_command_line(sys.argv)
