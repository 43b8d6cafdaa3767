"""Checks the health of the registry that this machine serves."""

import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry_site.config import environment
from registry_site.config.variables import ANY_HOST
from registry_site.serving import certificates

TIMEOUT = 4  # seconds


class Command(BaseCommand):
    help = "Checks the health of the registry that this machine serves; fails if it is not healthy."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        variables = environment.load()
        host = "127.0.0.1" if variables.HOST in ANY_HOST else variables.HOST
        connection = HTTPConnection(host, variables.HTTP_PORT, timeout=TIMEOUT)
        if certificates.find(variables)[0]:
            # The certificate is issued for the public name, not for this address.
            context = ssl._create_unverified_context()  # noqa: S323
            connection = HTTPSConnection(host, variables.HTTPS_PORT, timeout=TIMEOUT, context=context)
        try:
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
        except (OSError, HTTPException) as error:
            raise CommandError(f"no answer: {error}") from None
        if status != 200:
            raise CommandError(f"answered {status}")
