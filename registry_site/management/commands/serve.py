"""Prepares everything and serves the registry in the foreground."""

import multiprocessing
import os
import socket
import sys
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from registry_site.config import databases, environment, file_modes, secrets_check
from registry_site.config.variables import ANY_HOST, Environment
from registry_site.operations.restore import is_unfinished
from registry_site.serving import certificates, server
from tenants.exceptions import Refused
from tenants.identity.services import ensure_default_tenant, ensure_superuser

# Open connections of a worker, including idle ones. Each is cheap; at the limit, the worker answers no new client.
MAX_CONNECTIONS = 4096
UNENCRYPTED = (
    "HOST={host} serves other machines without encryption: anyone on the network path can read passwords, tokens and "
    "files. Set PROTOCOL=https, or let a proxy terminate TLS and name it in TRUSTED_PROXIES"
)


class Command(BaseCommand):
    help = "Prepares everything and serves the registry in the foreground."
    requires_system_checks = []  # they check the code, which a test does

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--prepare-only", action="store_true", help="prepare the database and exit")

    def handle(self, *args: Any, **options: Any) -> None:
        variables: Environment = environment.load()
        self._check_secrets(variables)
        if options["prepare_only"]:
            self._prepare()
            return
        self._prepare_in_child()
        certificate, problem = certificates.ensure(variables)
        if problem:
            self.stderr.write(f"Warning: {problem}")
        if certificate is None and is_exposed(variables):
            self.stderr.write(f"Warning: {UNENCRYPTED.format(host=variables.HOST)}")
        variable = "HTTPS_PORT" if certificate else "HTTP_PORT"
        port = getattr(variables, variable)
        address = _free_address(variables.HOST, port, variable)
        redirect = None
        if certificate and variables.HTTP_REDIRECT:
            _free_address(variables.HOST, variables.HTTP_PORT, "HTTP_PORT")
            redirect = (variables.HTTP_PORT, _public_port(variables))
        self._print_summary(variables, "https" if certificate else "http", port)
        sys.stdout.flush()
        certificate_file = str(certificates.write_decrypted_pem(certificate, port)) if certificate else None
        options = _options(address, port, variables) | {"certificate": certificate_file, "redirect": redirect}
        os.environ["REGISTRY_HOME"] = str(environment.HOME)
        os.chdir(environment.ROOT)  # which contains the module of the redirect's process
        server.main(options)

    def _prepare_in_child(self) -> None:
        """Prepare in a process of its own: the workers are forked, and must inherit no connection and no thread."""
        child = multiprocessing.get_context("fork").Process(target=self._prepare_or_exit, daemon=True)
        child.start()
        child.join()
        if child.exitcode:
            sys.exit(1)

    def _prepare_or_exit(self) -> None:
        try:
            self._prepare()
        except CommandError as error:
            self.stderr.write(f"CommandError: {error}")
            sys.exit(1)

    def _prepare(self) -> None:
        """Migrate the database and create the configured tenants and superuser if they are missing."""
        if problem := databases.connection_error():
            raise CommandError(problem)
        file_modes.restrict((*databases.files(), settings.UPLOAD_PATH), 0o7777 & ~settings.UMASK)
        with databases.startup_lock():
            _migrate()
            if is_unfinished():
                raise CommandError("A restore into this database is running or was interrupted: run it again")
            databases.update_statistics()
            made = ensure_default_tenant()
            _ensure_superuser()
        connections.close_all()
        for tenant, created in made.items():
            if created.generated_password:  # it is stored nowhere else
                self.stdout.write(f"Password of {tenant}'s administrator, shown once: {created.generated_password}")

    def _check_secrets(self, variables: Environment) -> None:
        """Warn about weak secrets. Raises CommandError if other machines can reach the registry."""
        for weakness in secrets_check.weaknesses(variables):
            if not secrets_check.is_loopback(variables.HOST):
                raise CommandError(weakness)
            self.stderr.write(f"Warning: {weakness}")

    def _print_summary(self, variables: Environment, protocol: str, port: int) -> None:
        """Print the registry's URL and where to find the first credentials, but never a credential."""
        host = "localhost" if variables.HOST in ANY_HOST else variables.HOST
        url = f"{protocol}://{f'[{host}]' if ':' in host else host}:{port}"
        password, token = "DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD", "API_TOKEN"
        self.stdout.write(
            f"Model registry on {settings.ENGINE_NAME}: {url} (API {url}/{variables.VERSION}, {url}/docs.html)"
        )
        if variables.DEFAULT_TENANT_ADMIN_TEMPORARY_PASSWORD:
            self.stdout.write(
                f"First administrator: {variables.DEFAULT_TENANT_ADMIN_USERNAME} of {variables.DEFAULT_TENANT}, "
                f"with the password {password} in {environment.origin(password)}"
            )
        self.stdout.write(f"Tenants are managed with {token} in {environment.origin(token)}")


def _migrate() -> None:
    """Migrate the database if a migration is missing: the command takes longer, even if it has nothing to do."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)


def _ensure_superuser() -> None:
    try:
        ensure_superuser()
    except Refused as refused:
        raise CommandError(refused.details) from None


def _options(address: str, port: int, variables: Environment) -> dict[str, Any]:
    """Return the server's options; docs/decisions/0006 explains them."""
    return {
        "address": address,
        "port": port,
        "workers": variables.WORKERS,
        "blocking_threads": settings.THREADS + variables.TRANSFERS,
        "backpressure": MAX_CONNECTIONS,
        "backlog": MAX_CONNECTIONS,
        "workers_kill_timeout": variables.STOP_SECONDS,
    }


def is_exposed(variables: Environment) -> bool:
    """Return whether clients on other machines connect directly, not through a trusted proxy."""
    return not secrets_check.is_loopback(variables.HOST) and not variables.TRUSTED_PROXIES


def _public_port(variables: Environment) -> int:
    """Return the port of HTTPS for clients, which can differ from `HTTPS_PORT` in a container."""
    public = urlsplit(variables.public_url)
    return public.port or (443 if public.scheme == "https" else variables.HTTPS_PORT)


def _free_address(host: str, port: int, variable: str) -> str:
    """Return the address of `host`. Raises CommandError if it is unknown, in use or not permitted.

    The check is needed because the server's sockets could silently share a port with another server's.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        raise CommandError(f"HOST: cannot resolve {host}") from None
    except OSError as error:
        raise CommandError(f"HOST or {variable}: cannot listen on {host}:{port}: {error.strerror}") from None
    return str(address[0])
