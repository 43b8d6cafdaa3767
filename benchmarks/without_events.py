"""Serves the registry without events, for benchmarks: `python -m benchmarks.without_events serve`.

No setting does this. It changes the application in memory before the server forks its workers.
"""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")
django.setup()

from benchmarks.ledger_writes import switch_events  # noqa: E402
from registry_site import cli  # noqa: E402
from registry_site.serving import server  # noqa: E402
from tenants.ledger.sealing import Sealer  # noqa: E402

if __name__ == "__main__":
    assert server.wsgi.application  # all modules are loaded
    switch_events(lambda: False)
    Sealer.start = lambda self: None  # type: ignore[method-assign]
    sys.exit(cli.main())
