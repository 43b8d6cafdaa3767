"""Prints all variables as tables, which docs/configuration.md also contains."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from registry_site.config.environment import SECRETS
from registry_site.config.variables import Environment

BEGIN, END = "<!-- variables -->\n", "<!-- /variables -->"
# The variables of each section start with these words. A variable belongs to the first section that matches it.
SECTIONS = {
    "Essential": (
        *("DATABASE", "UPLOAD_PATH", "PROTOCOL", "HOST", "HTTP_PORT", "HTTPS_PORT", "PUBLIC_URL"),
        *("API_TOKEN", "JWT_SECRET", "DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD"),
    ),
    "HTTPS, proxies and browsers": ("CERTIFICATES", "HTTPSSECRET", "HTTP_REDIRECT", "TRUSTED_PROXIES", "CORS_ORIGINS"),
    "Files": ("STORAGE", "DOWNLOADS", "MAX_UPLOAD_SIZE", "UMASK"),
    "Logins and passwords": (
        *("JWT_", "SESSION_", "SECRET_KEY", "MIN_PASSWORD_STRENGTH", "DEFAULT_DAYS_VALIDITY_PASSWORD"),
        *("LOGIN_", "RESET_", "SUPERUSER_"),
    ),
    "Tenants": ("DEFAULT_TENANT", "DEMO", "PUBLIC_TENANT_LIST"),
    "Mail": ("EMAIL", "SMTP_"),
    "Request log": ("LOG",),
    "Limits": ("MAX_", "MIN_", "BODY_", "QUERY_"),
    "Processes": ("WORKERS", "THREADS", "TRANSFERS", "STOP_SECONDS"),
    "Other": ("",),
}


class Command(BaseCommand):
    help = "Prints all variables with their defaults and meanings as Markdown tables. Never prints a configured value."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", type=Path, metavar="FILE", help="write the tables between FILE's markers")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path | None = options["write"]
        if file is None:
            self.stdout.write(tables())
            return
        text = file.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN, 1)
        file.write_text(f"{head}{BEGIN}{tables()}\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")


def tables() -> str:
    """Return a table of variables for each section that has any."""
    by_section: dict[str, list[str]] = {title: [] for title in SECTIONS}
    for name in Environment.model_fields:
        by_section[next(title for title, starts in SECTIONS.items() if name.startswith(starts))].append(name)
    for title, names in by_section.items():
        names.sort(key=lambda name: next(place for place, word in enumerate(SECTIONS[title]) if name.startswith(word)))
    return "\n\n".join(f"### {title}\n\n{_table(names)}" for title, names in by_section.items() if names)


def _table(names: list[str]) -> str:
    rows = ["| Variable | Default | Meaning |", "| --- | --- | --- |"]
    for name in names:
        field = Environment.model_fields[name]
        default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        shown = "generated" if name in SECRETS else f"`{default}`" if default else ""
        rows.append(f"| `{name}` | {shown} | {field.description} |")
    return "\n".join(rows)
