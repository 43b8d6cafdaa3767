"""The served API conforms to its OpenAPI document: schemathesis with all checks.

`make fuzz` runs it longer and with random seeds; FUZZ_EXAMPLES is the number of requests per operation. Without it the
run is short: one random request per operation, and one of each kind of value of each field (`hooks.filter_case`).
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines import Server
from tests.served import Served
from tests.talk import administrator, created

HERE = Path(__file__).resolve().parent
MANY = "1000000"  # failed logins are expected here
LONG = "FUZZ_EXAMPLES" in os.environ
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "1")
# tests/registry_site/api/test_openapi_examples.py sends the examples.
SHORT = [] if LONG else ["--seed", "20260131", "--phases", "coverage,fuzzing"]
# Objects that the examples refer to.
NEEDED = (
    ("users", {"username": "grace", "password": "C0b0l-59"}),
    ("tags", {"_id": "draft"}),
    ("datasets", {"name": "churn-2025"}),
)


@pytest.mark.timeout(7200 if LONG else 600)
@pytest.mark.promise("about.docs")
def test_the_served_api_conforms_to_its_description_for_any_request(server: Server, tmp_path: Path) -> None:
    limits = {"LOGIN_FAILURES_LIMIT": MANY, "LOGIN_FAILURES_ADDRESS_LIMIT": MANY}
    with Served.on(server, tmp_path, **limits) as registry:
        admin = administrator(registry)
        spared = ["admin", "grace", admin.get("/users/admin").json()["_id"]]
        spared += [created(admin, kind, **body) for kind, body in NEEDED]
        environment = os.environ | {
            "TOKEN": admin.headers["Authorization"],
            "API_TOKEN": registry.api_token,
            "SPARED": ",".join(spared),
            "PYTHONPATH": str(HERE.parents[2]),
        }
        command = [Path(sys.executable).with_name("st"), "--config-file", HERE / "schemathesis.toml", "run"]
        # All checks are on by default; `--checks all` would override the configuration of operations.
        options = ["--max-examples", EXAMPLES, "--generation-database", "none", "--no-color"]
        run = subprocess.run(  # noqa: PLW1510 - the assertion shows its output
            [*command, f"{registry.base_url}/v1/docs", *options, *SHORT],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        (tmp_path / "schemathesis").write_text(run.stdout + run.stderr)
        assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
