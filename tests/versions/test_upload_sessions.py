"""What an upload session refuses, how it is locked, and what it keeps when requests break off."""

import zlib
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command

from catalog.services import add_item_version
from tenants.exceptions import Refused
from tenants.rows.fields import now
from tests.answers import assert_error, ok
from tests.database import empty
from tests.versions.files import CONTENT, new_item, put_file, sha256, stored
from tests.versions.tus import OFFSET, RESUMABLE, begin, encoded, head, offset_of, patch, post, sent
from versions import uploads
from versions.models import Blob, UploadSession
from versions.upload_requests import LEASE, Body, locked


@pytest.fixture
def api(world: Any) -> Any:
    return world.acme.owner.api


def session_of(url: str) -> UploadSession:
    return UploadSession.objects.get(pk=url.rpartition("/")[2])


class Broken:
    """A body that breaks off after some bytes, in the middle of a read."""

    def __init__(self, content: bytes, *, before: bytes = b"") -> None:
        self.pieces = iter([before] if before else [])
        self.content = content

    def read(self, size: int, /) -> bytes:
        for piece in self.pieces:
            return piece
        error = OSError("the client is gone")
        error.received = self.content  # type: ignore[attr-defined]
        raise error


@pytest.mark.promise("uploads.tus")
@pytest.mark.parametrize("method", ["post", "patch", "head", "delete"])
def test_another_version_of_the_protocol_is_refused(api: Any, method: str) -> None:
    url = "uploads" if method == "post" else begin(api, 5)
    for headers in ({}, {"Tus-Resumable": "0.2.2"}):
        answer = api.request(method, url, headers=headers | {"Upload-Length": "5", "Upload-Offset": "0"})
        assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")


@pytest.mark.promise("uploads.tus")
def test_a_client_that_can_only_post_overrides_the_method(api: Any) -> None:
    url = begin(api, 26)
    headers = RESUMABLE | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    answer = api.post(url, data=CONTENT, content_type=OFFSET, headers=headers)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "26")
    assert_error(api.post(url, headers=RESUMABLE | {"X-HTTP-Method-Override": "PUT"}), "method_not_allowed")
    assert api.post(url, headers=RESUMABLE | {"X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert head(api, url).status_code == 404


LONG = encoded(description="x" * 10_001)
MALFORMED = {
    "length": {"Upload-Length": "five"},
    "no length": {},
    "negative": {"Upload-Length": "-1"},
    "beyond all integers": {"Upload-Length": "9" * 30},
    "not base64": {"Upload-Length": "5", "Upload-Metadata": "name é"},
    "not UTF-8": {"Upload-Length": "5", "Upload-Metadata": "name /w=="},
    "no key": {"Upload-Length": "5", "Upload-Metadata": ",,"},
    "a key twice": {"Upload-Length": "5", "Upload-Metadata": "a YQ==,a YQ=="},
    "too long": {"Upload-Length": "5", "Upload-Metadata": f"a {'YWFh' * 10_000}"},
    "a wrong sha256": {"Upload-Length": "5", "Upload-Metadata": encoded(sha256="abc")},
    "no part": {"Upload-Concat": "final;"},
    "another concat": {"Upload-Length": "5", "Upload-Concat": "partially"},
    "too many parts": {"Upload-Concat": "final;" + " ".join(map(str, range(1001)))},
}


@pytest.mark.promise("uploads.create")
@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_creation_creates_nothing(api: Any, name: str) -> None:
    assert_error(api.post("uploads", headers=RESUMABLE | MALFORMED[name]), "post_request_error")
    assert not UploadSession.objects.exists()


@pytest.mark.promise("uploads.version")
@pytest.mark.parametrize(
    ("pairs", "error"),
    [
        ({"path": "a.bin", "item": "0" * 24}, "resource_not_found"),
        ({"path": "a.bin", "kind": "dataset"}, "resource_not_found"),
        ({"path": "../a.bin"}, "post_request_error"),
        ({}, "post_request_error"),
        ({"path": "a.bin", "ordinal": "a b"}, "post_request_error"),
        ({"path": "a.bin", "description": "x" * 10_001}, "post_request_error"),
    ],
    ids=str,
)
def test_an_upload_that_would_fail_at_its_end_is_refused_at_its_start(api: Any, pairs: Any, error: str) -> None:
    item = new_item(api).rpartition("/")[2]
    assert_error(post(api, 5, Upload_Metadata=encoded(**{"item": item} | pairs)), error)
    assert not UploadSession.objects.exists()


@pytest.mark.promise("uploads.version")
def test_only_users_who_may_change_an_item_upload_to_it(world: Any) -> None:
    item = new_item(world.acme.owner.api, users=["shared"]).rpartition("/")[2]
    about = {"Upload_Metadata": encoded(item=item, path="a.bin")}
    assert_error(post(world.acme.shared.api, 5, **about), "restricted_access_modify")
    assert_error(post(world.rival.owner.api, 5, **about), "resource_not_found")
    assert post(world.acme.admin.api, 5, **about).status_code == 201


@pytest.mark.promise("uploads.create")
def test_sizes_and_numbers_of_uploads_are_limited(api: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MAX_UPLOAD_SIZE = 10
    assert_error(post(api, 11), "payload_too_large")
    parts = [sent(api, b"x" * 6, Upload_Concat="partial") for _ in range(2)]
    assert_error(post(api, Upload_Concat=f"final;{' '.join(parts)}"), "payload_too_large")
    monkeypatch.setattr(uploads, "MAX_OPEN", 2)
    assert_error(post(api, 5), "post_request_error", "at most 2 uploads")
    assert api.delete(parts[0], headers=RESUMABLE).status_code == 204
    assert post(api, 5).status_code == 201


@pytest.mark.promise("uploads.resume", "uploads.races")
def test_bytes_at_another_offset_or_beyond_the_end_change_nothing(api: Any) -> None:
    url = begin(api, 26)
    assert patch(api, url, 0, CONTENT[:5]).status_code == 204
    for offset in (0, 4, 6, 26, 10**17):
        assert_error(patch(api, url, offset, b"x"), "upload_offset")
    assert_error(patch(api, url, 5, CONTENT), "payload_too_large")
    for wrong in ("", "-1", "five"):
        assert_error(patch(api, url, 5, b"x", Upload_Offset=wrong), "put_request_error")
    plain = api.patch(url, data=b"x", content_type="text/plain", headers=RESUMABLE | {"Upload-Offset": "5"})
    assert_error(plain, "unsupported_media_type")
    for checksum in ("md5 YWJj", "sha256 é", "sha256"):
        assert patch(api, url, 5, b"x", Upload_Checksum=checksum).status_code in (400, 460)
    assert offset_of(api, url) == 5


@pytest.mark.promise("uploads.races")
def test_one_request_at_a_time_sends_bytes(api: Any) -> None:
    url = begin(api, 26)
    with locked(session_of(url)):
        assert_error(patch(api, url, 0, CONTENT), "upload_locked")
        assert_error(api.delete(url, headers=RESUMABLE), "upload_locked")
        assert offset_of(api, url) == 0
    assert patch(api, url, 0, CONTENT).status_code == 204


@pytest.mark.promise("uploads.races")
def test_the_lock_of_a_killed_request_expires_and_the_request_writes_nothing_more(api: Any) -> None:
    url = begin(api, 26)
    assert patch(api, url, 0, CONTENT[:5]).status_code == 204
    session = session_of(url)
    with locked(session) as stuck:
        UploadSession.objects.update(locked_until=now() - timedelta(seconds=1))
        stuck.renewed -= LEASE.total_seconds()  # it was stuck for so long
        assert patch(api, url, 5, CONTENT[5:10]).status_code == 204
        with pytest.raises(Refused, match="taken this upload over"):
            uploads.append(stuck, Body(_Stream(b"z" * 20), 21))
    assert offset_of(api, url) == 10
    assert session_of(url).crc32 is None, "the stored bytes decide"
    assert patch(api, url, 10, CONTENT[10:]).status_code == 204
    assert ok(api.get(url))["sha256"] == sha256(CONTENT)
    assert session_of(url).crc32 == zlib.crc32(CONTENT)


class _Stream:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, size: int, /) -> bytes:
        piece, self.content = self.content[:size], self.content[size:]
        return piece


@pytest.mark.promise("uploads.resume")
@pytest.mark.parametrize("before", [b"", b"de"], ids=["at-once", "later"])
def test_bytes_received_before_a_connection_broke_are_kept(api: Any, before: bytes) -> None:
    url = begin(api, 26)
    assert patch(api, url, 0, b"abc").status_code == 204
    with locked(session_of(url)) as lease, pytest.raises(OSError, match="gone"):
        uploads.append(lease, Body(Broken(CONTENT[3 + len(before) : 10], before=before), 23))
    assert offset_of(api, url) == 10
    assert patch(api, url, 10, CONTENT[10:]).status_code == 204
    assert ok(api.get(url))["sha256"] == sha256(CONTENT)


@pytest.mark.promise("uploads.resume", "uploads.version")
@pytest.mark.parametrize("stage", ["before-joining", "before-the-version"])
def test_the_next_request_repairs_a_crash_after_the_last_byte(
    api: Any, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    path = new_item(api)
    url = begin(api, 26, item=path.rpartition("/")[2], path="a.bin")
    target = {"before-joining": "versions.uploads.finish", "before-the-version": "catalog.uploads.add_item_version"}
    with monkeypatch.context() as crash:
        crash.setattr(target[stage], _crash)
        assert patch(api, url, 0, CONTENT).status_code == 500
    assert ok(api.get(path))["versions"] == []
    assert offset_of(api, url) == 26
    (version,) = ok(api.get(path))["versions"]
    assert version["sha256"] == sha256(CONTENT)
    assert offset_of(api, url) == 26
    assert len(ok(api.get(path))["versions"]) == 1
    assert list(stored().values()) == [CONTENT]


@pytest.mark.promise("uploads.races")
@pytest.mark.parametrize("content", [b"", CONTENT])
def test_requests_that_finish_an_upload_one_after_the_other_count_its_bytes_once(
    api: Any, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    with monkeypatch.context() as crash:
        crash.setattr("versions.uploads.finish", _crash)
        url = begin(api, len(content)) if content else ""
        assert (patch(api, url, 0, content) if content else post(api, 0)).status_code == 500
    url = url or f"/v1/uploads/{UploadSession.objects.get().pk}"
    for session in [session_of(url), session_of(url)]:  # both are read before one is finished
        with locked(session) as lease:
            uploads.finish(lease)
        assert session.sha256 == sha256(content)
    assert Blob.objects.get().references == 1


@pytest.mark.promise("uploads.races")
def test_a_complete_upload_shows_its_offset_while_a_request_finishes_it(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = begin(api, 26)
    with monkeypatch.context() as crash:
        crash.setattr("versions.uploads.finish", _crash)
        assert patch(api, url, 0, CONTENT).status_code == 500
    with locked(session_of(url)):
        assert offset_of(api, url) == 26
        assert ok(api.get(url))["sha256"] == ""
    assert offset_of(api, url) == 26
    assert ok(api.get(url))["sha256"] == sha256(CONTENT)


@pytest.mark.promise("uploads.races")
def test_an_upload_that_is_deleted_before_its_version_is_added_leaves_neither(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = new_item(api)
    url = begin(api, 26, item=path.rpartition("/")[2], path="a.bin")

    def add_after_the_deletion(**arguments: Any) -> Any:
        uploads.remove(session_of(url))
        return add_item_version(**arguments)

    monkeypatch.setattr("catalog.uploads.add_item_version", add_after_the_deletion)
    assert_error(patch(api, url, 0, CONTENT), "post_request_error", "no longer there")
    assert ok(api.get(path))["versions"] == []
    assert stored() == {}
    assert not Blob.objects.exists()


def _crash(*args: Any, **kwargs: Any) -> None:
    raise RuntimeError("killed")


@pytest.mark.promise("uploads.version")
def test_a_version_takes_an_upload_once(world: Any, api: Any) -> None:
    owner = world.acme.owner
    taken = {"tenant_id": "acme", "owner_id": owner.pk}
    id = sent(api, CONTENT).rpartition("/")[2]
    for other in ({"owner_id": world.acme.other.pk}, {"tenant_id": "rival"}):
        with pytest.raises(Refused, match="no upload"):
            uploads.finished(**taken | other, ids=[id])
        with pytest.raises(Refused):
            uploads.claim_all(**taken | other, ids=[id])
    received = uploads.finished(**taken, ids=[id])[id]
    assert (received.sha256, received.size, received.place) == (sha256(CONTENT), 26, Blob.key("acme", sha256(CONTENT)))
    uploads.claim_all(**taken, ids=[id])
    with pytest.raises(uploads.AlreadyTaken):
        uploads.claim_all(**taken, ids=[id])
    for url in (begin(api, 5), sent(api, CONTENT, Upload_Concat="partial")):
        with pytest.raises(Refused):
            uploads.claim_all(**taken, ids=[url.rpartition("/")[2]])


@pytest.mark.promise("uploads.expire")
def test_deleting_a_tenant_deletes_its_uploads(world: Any) -> None:
    api = world.rival.owner.api
    sent(api, CONTENT)
    patch(api, begin(api, 26), 0, b"x")
    assert world.operator.delete("tenants/rival").status_code == 200
    assert not UploadSession.objects.exists()
    assert list(stored().values()) == [b"x"], "collect_garbage removes it"


def test_uploads_are_kept_for_a_week() -> None:
    assert timedelta(days=7) == django_settings.UPLOAD_RETENTION


@pytest.mark.usefixtures("transactional_db")
@pytest.mark.promise("uploads.expire")
def test_a_backup_leaves_uploads_out_and_checks_find_no_fault(world: Any, api: Any, tmp_path: Path) -> None:
    path = new_item(api)
    put_file(api, path, "a.bin", CONTENT)
    sent(api, CONTENT)
    sent(api, b"in no version")
    patch(api, begin(api, 26), 0, b"x")
    call_command("check_integrity", stdout=StringIO())
    call_command("backup", str(tmp_path / "backup"), stdout=StringIO())
    assert len(stored()) == 3
    empty()
    call_command("restore", str(tmp_path / "backup"), stdout=StringIO())
    call_command("check_integrity", stdout=StringIO())
    assert not UploadSession.objects.exists()
    assert api.get(f"{path}/versions/a.bin").body() == CONTENT
    assert ok(api.delete(f"{path}/versions/a.bin"))["versions"] == []
    assert not Blob.objects.filter(pk=Blob.key("acme", sha256(CONTENT))).exists()
