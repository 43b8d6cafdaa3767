"""The registry's command line: `model-registry` where it is installed, `./manage.py` in a checkout."""

import os
import sys

from django.core.management import execute_from_command_line

from registry_site import __version__
from registry_site.config import environment

# These may start a new registry. Others refuse without one: a backup of nothing would look like success.
STARTERS = ("serve", "demo", "migrate", "createsuperuser", "restore", "import_measurify", "import_mlflow")
INFORMATION = ("help", "--help", "-h", "variables", "postman")
# Settings need these, help does not use them.
UNUSED = {"API_TOKEN": "-", "JWT_SECRET": "-", "DATABASE": f"sqlite:///{os.devnull}"}


def main() -> None:
    """Run a command; those that may start a registry first write the file of variables if it is missing."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command in ("version", "--version"):
        print(__version__)  # noqa: T201 - the command's answer
        return
    if command in INFORMATION or "--help" in sys.argv or "-h" in sys.argv:
        os.environ |= UNUSED
    elif command in STARTERS and (written := environment.prepare()):
        print(f"Wrote {written} with fresh secrets", file=sys.stderr)  # noqa: T201 - a message to the caller
    execute_from_command_line(sys.argv)
