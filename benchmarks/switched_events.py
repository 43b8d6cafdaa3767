"""Serves the registry with events and a sealer that can be turned off: `python -m benchmarks.switched_events serve`.

For benchmarks; no setting does this. The file that SWITCH names has two bytes: events are written while the first is
ON, and the sealer works while the second is. The application is changed in memory before the server forks its workers.
"""

import mmap
import os
import sys

import django

SWITCH = "EVENTS_SWITCH"  # environment variable: path of the file
ON, OFF = b"1", b"0"

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")
    django.setup()

    from benchmarks.ledger_writes import switch_events
    from registry_site import cli
    from registry_site.serving import server
    from tenants.ledger.sealing import Sealer

    assert server.wsgi.application  # all modules are loaded
    with open(os.environ[SWITCH], "rb") as file:
        switch = mmap.mmap(file.fileno(), 2, prot=mmap.PROT_READ)
    work = Sealer.work
    switch_events(lambda: switch[:1] == ON)
    Sealer.work = lambda self: work(self) if switch[1:] == ON else None  # type: ignore[method-assign]
    sys.exit(cli.main())
