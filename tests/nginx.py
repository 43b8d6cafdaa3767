"""Debian's nginx with the site that docs/deploy shows, in front of a served registry."""

import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.engines import free_port
from tests.missing import cannot_run
from tests.served import ROOT, Served

BINARY = shutil.which("nginx") or "/usr/sbin/nginx"
SITE = ROOT / "docs" / "deploy" / "nginx.conf"
START_SECONDS = 30
# A minimal nginx.conf around the site; nginx writes only into one folder.
AROUND = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    types {{ text/plain bin; }}
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass
class Front:
    """A running nginx: its address and its folder."""

    url: str
    plain_url: str
    folder: Path
    certificate: Path

    @property
    def challenges(self) -> Path:
        """The folder for certbot's challenge responses."""
        return self.folder / "html"

    @property
    def trusting(self) -> ssl.SSLContext:
        """What a client needs to trust its certificate."""
        return ssl.create_default_context(cafile=self.certificate)


@contextmanager
def before(registry: Served, folder: Path) -> Iterator[Front]:
    """Yield nginx in front of a registry; stop it afterwards."""
    if not Path(BINARY).exists():
        cannot_run("nginx is not installed (Debian's nginx-light)")
    port, plain = free_port(), free_port()
    front = Front(f"https://127.0.0.1:{port}", f"http://127.0.0.1:{plain}", folder, folder / "fullchain.pem")
    _write_configuration(registry, front, port, plain)
    process = subprocess.Popen([BINARY, "-c", folder / "nginx.conf", "-e", folder / "error.log"])
    try:
        _wait(front, process)
        yield front
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _write_configuration(registry: Served, front: Front, port: int, plain: int) -> None:
    """Write the site of the docs with this machine's paths and ports; fail if the docs lack one of them."""
    words = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=models.example", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-out", front.certificate, "-keyout", front.folder / "privkey.pem"]
    subprocess.run(["openssl", "req", *words, *names, *files], check=True, capture_output=True)
    site = SITE.read_text()
    for shown, ours in (
        ("server 127.0.0.1:8084", f"server 127.0.0.1:{registry.port}"),
        ("listen 80", f"listen 127.0.0.1:{plain}"),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/letsencrypt/live/models.example", str(front.folder)),
        ("/srv/registry/uploads/;", f"{registry.env['UPLOAD_PATH']}/;"),
        ("root /var/www/html", f"root {front.challenges}"),
    ):
        site, times = re.subn(rf"{re.escape(shown)}\b" if shown[-1].isalnum() else re.escape(shown), ours, site)
        assert times, shown
    (front.folder / "site.conf").write_text(site)
    user = "user root;" if os.getuid() == 0 else ""
    (front.folder / "nginx.conf").write_text(AROUND.format(folder=front.folder, user=user))


def _wait(front: Front, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx.get(front.plain_url, timeout=5)
        except httpx.TransportError:
            log = front.folder / "error.log"
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"nginx does not start: {log.read_text() if log.exists() else ''}") from None
            time.sleep(0.05)
            continue
        return
