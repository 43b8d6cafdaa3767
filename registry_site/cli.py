"""The registry's command line: `model-registry` where it is installed, `./manage.py` in a checkout."""

import os
import sys

from django.core.management import execute_from_command_line

from registry_site import __version__, environment

# These may begin a registry where there is none. Others refuse: a backup of an empty folder would look like success.
BEGINNERS = ("serve", "demo", "migrate", "createsuperuser", "restore", "import_measurify", "import_mlflow")
INFORMATION = ("help", "--help", "-h", "variables", "postman")
UNUSED = {
    "API_TOKEN": "-",
    "JWT_SECRET": "-",
    "DATABASE": f"sqlite:///{os.devnull}",
}  # settings need them, help does not


def main() -> None:
    """Run a command. `serve` and its like first write the file of variables with fresh secrets, if there is none."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command in ("version", "--version"):
        print(__version__)  # noqa: T201 - the command's answer
        return
    if command in INFORMATION or "--help" in sys.argv or "-h" in sys.argv:
        os.environ |= UNUSED
    elif command in BEGINNERS and (written := environment.prepare()):
        print(f"Wrote {written} with fresh secrets", file=sys.stderr)  # noqa: T201 - a message to the caller
    execute_from_command_line(sys.argv)
