"""Mails of a served registry, and of one that is killed."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.engines import Server, free_port
from tests.served import Served
from tests.smtp import MailServer, link_in
from tests.talk import UNSHARED, administrator

PASSWORD, NEW = "Passw0rd!x", "Forg0tten!x"
SLOW = 1.5  # seconds that the mail server takes
ROUNDS = 6
LIMITS = {"LOGIN_FAILURES_LIMIT": "1000", "LOGIN_FAILURES_ADDRESS_LIMIT": "1000"}


@pytest.fixture
def mails() -> MailServer:
    """A slow mail server, not started."""
    return MailServer(free_port(), SLOW)


@pytest.fixture
def mailing(server: Server, tmp_path: Path, mails: MailServer) -> Iterator[Served]:
    """A registry with two processes, ROUNDS users and that mail server."""
    smtp = {"SMTP_SERVER": f"127.0.0.1:{mails.port}", "SMTP_SECURITY": "none"}
    with Served.on(server, tmp_path, WORKERS="2", **smtp, **LIMITS) as registry:
        with administrator(registry) as admin:
            users = [{"username": f"u{n}", "password": PASSWORD, "email": f"u{n}@x.example"} for n in range(ROUNDS)]
            assert admin.post("/users", json=users).status_code == 200
        yield registry


def _ask(registry: Served, email: str) -> float:
    """Request a link; return the response time in seconds."""
    begun = time.perf_counter()
    answer = httpx.post(f"{registry.base_url}/v1/self/reset", json={"email": email}, headers=UNSHARED, timeout=60)
    assert answer.status_code == 200, answer.text
    return time.perf_counter() - begun


@pytest.mark.promise("self.mail-time")
def test_a_slow_mail_server_delays_no_response_and_each_mail_arrives_once(mailing: Served, mails: MailServer) -> None:
    with mails.running():
        times: dict[str, list[float]] = {"u": [], "nobody": []}
        for number in range(ROUNDS):
            for name, taken in times.items():
                taken.append(_ask(mailing, f"{name}{number}@x.example"))
        known, unknown = (statistics.median(taken) for taken in times.values())
        assert known < SLOW / 2
        assert abs(known - unknown) < SLOW / 4, times
        link = link_in(mails.await_mail(f"u{ROUNDS - 1}@x.example"))
        for number in range(ROUNDS):
            mails.await_mail(f"u{number}@x.example")
        time.sleep(1)
        assert len(mails.mails) == ROUNDS
    answer = httpx.put(f"{mailing.base_url}/v1/self", json=link | {"password": NEW}, timeout=60)
    assert answer.status_code == 200, answer.text


@pytest.mark.promise("self.mail-kept")
def test_a_mail_survives_a_kill_and_an_unavailable_mail_server(mailing: Served, mails: MailServer) -> None:
    _ask(mailing, "u0@x.example")
    mailing.kill()
    with mails.running():
        mailing.start()
        link = link_in(mails.await_mail("u0@x.example", seconds=60))
    answer = httpx.put(f"{mailing.base_url}/v1/self", json=link | {"password": NEW}, timeout=60)
    assert answer.status_code == 200, answer.text
