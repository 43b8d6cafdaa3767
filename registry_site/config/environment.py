"""Reads variables from the process environment, secret files and the variables file, `init/variables.env`."""

import os
import re
import secrets
from pathlib import Path

from pydantic import ValidationError

from registry_site.config.variables import Environment

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATE = Path(__file__).with_name("variables.env.template")
SECRETS = ("API_TOKEN", "JWT_SECRET", "DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD")
REQUIRED = ("API_TOKEN", "JWT_SECRET")
NO_FILE = "the file does not exist: `serve` creates it; set REGISTRY_HOME to the folder of an existing registry"


def home() -> Path:
    """Return the folder of `init/`, `data/`, `uploads/` and `resources/`. Relative paths start here.

    It is `REGISTRY_HOME`, or else the checkout of this code, or else the current directory.
    """
    named = os.environ.get("REGISTRY_HOME", "").strip()
    return Path(named or (ROOT if (ROOT / "manage.py").is_file() else ".")).absolute()


HOME = home()


class VariableError(ValueError):
    """A variable is missing or malformed. The message is one line, names the variable and never contains a value."""


def variables_file() -> Path:
    """Return the variables file: `VARIABLES_FILE`, by default `init/variables.env`."""
    return HOME / (os.environ.get("VARIABLES_FILE", "").strip() or Path("init", "variables.env"))


def secrets_folder() -> Path:
    """Return the folder of secret files, each named like its variable, as container engines provide them."""
    return Path(os.environ.get("SECRETS_FOLDER", "").strip() or "/run/secrets")


def load() -> Environment:
    """Return the variables. Raises VariableError."""
    path, folder = variables_file(), secrets_folder()
    try:
        kept = folder if folder.is_dir() else None
        environment = Environment(_env_file=path, _env_file_encoding="utf-8", _secrets_dir=kept)
    except ValidationError as error:
        faults = [f"{fault['loc'][0]}: {fault['msg'].removeprefix('Value error, ')}" for fault in error.errors()]
        raise VariableError(f"Not valid in {path} or the environment: {'; '.join(faults)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise VariableError(f"Cannot read {path}: {type(error).__name__}") from None
    missing = [name for name in REQUIRED if not getattr(environment, name)]
    if missing:
        hint = "" if path.exists() else f" ({NO_FILE})"
        raise VariableError(f"Missing in {path} and the environment: {', '.join(missing)}{hint}")
    return environment


def origin(name: str) -> str:
    """Return a description of where a variable's value comes from."""
    return "the environment" if os.environ.get(name, "").strip() else str(variables_file())


def prepare() -> Path | None:
    """Create the variables file with new secrets if it is needed and missing; return its path if it was created.

    Safe with concurrent starts: one process creates the file atomically, and all read the same file.
    """
    path = variables_file()
    if path.exists() or all(os.environ.get(name, "").strip() for name in REQUIRED):
        return None
    text = TEMPLATE.read_text(encoding="utf-8")
    for name in SECRETS:
        text = re.sub(rf"(?m)^{name}=.*$", f"{name}={secrets.token_urlsafe(32)}", text)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return None
    finally:
        draft.unlink(missing_ok=True)
    return path
