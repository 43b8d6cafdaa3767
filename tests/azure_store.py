"""A store with Azure's protocol: Azurite, Microsoft's emulator, which checks signatures as Azure does."""

import os
import shutil
from pathlib import Path
from typing import Any

import httpx
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient

from tests.missing import cannot_run
from tests.object_store import PLACE, ObjectStore

# The library uses a newer version of the protocol than Azurite knows.
QUIET = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
PROGRAM = Path(__file__).resolve().parent / "azure/node_modules/azurite/dist/src/blob/main.js"


class AzureStore(ObjectStore):
    """A running store with Azure's protocol."""

    scheme, backend = "azure", "versions.azure_storage.AzureStorage"
    wrong = {"account_key": "d3Jvbmcta2V5", "account_name": "nobody", "azure_container": "nowhere"}
    access_key, secret_key = "tests", "c2VjcmV0LWtleS1vZi10aGUtdGVzdHM="
    signature = "sig="
    full = {"status": 507, "body": "<Error><Code>InsufficientStorage</Code><Message>full</Message></Error>"}

    @property
    def path(self) -> str:
        return f"/{self.access_key}"

    def prepare(self) -> None:
        self.node = shutil.which("node") or shutil.which("nodejs")
        if self.node is None or not PROGRAM.is_file():
            reason = "azurite is not installed: apt-get install nodejs npm, then make azurite"
            cannot_run(reason)

    def command(self) -> tuple[list[Any], dict[str, str]]:
        env = {"PATH": os.environ["PATH"], "AZURITE_ACCOUNTS": f"{self.access_key}:{self.secret_key}"}
        where = ["--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--location", str(self.folder)]
        return [self.node, PROGRAM, *QUIET, *where], env

    def answers(self) -> bool:
        return httpx.get(self.address, timeout=5).headers["Server"].startswith("Azurite")

    def stop(self) -> None:
        self.process.terminate()  # it saves its state only on SIGTERM and periodically
        self.process.wait()

    def connected(self) -> Any:
        credential = AzureNamedKeyCredential(self.access_key, self.secret_key)
        client = ContainerClient(self.endpoint, PLACE, credential, retry_total=0)
        client.create_container()
        return client

    def keys(self, prefix: str) -> list[str]:
        names = list(self.client.list_blob_names(name_starts_with=f"{prefix}/"))
        everything = self.client.list_blobs(name_starts_with=f"{prefix}/", include=["uncommittedblobs"])
        return sorted(blob.name if blob.name in names else f"unfinished: {blob.name}" for blob in everything)

    def content(self, name: str) -> bytes:
        content: bytes = self.client.download_blob(name).readall()
        return content

    def put(self, name: str, content: bytes) -> None:
        self.client.upload_blob(name, content, overwrite=True)

    def sweep(self, incoming: Any) -> None:
        self.client.get_blob_client(incoming.name).commit_block_list([])
        self.client.delete_blob(incoming.name)
