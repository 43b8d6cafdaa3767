"""Resumable uploads by the tus protocol, on every kind of store."""

import zlib
from io import StringIO
from typing import Any

import pytest
from django.core.files.storage import storages
from django.core.management import call_command

from tests.answers import assert_error, ok
from tests.object_store import MIB, ObjectStore
from tests.versions.files import CONTENT, new_item, put_file, sha256, stored
from tests.versions.tus import RESUMABLE, begin, checksum, encoded, head, offset_of, patch, post, sent
from versions.models import Blob, UploadSession
from versions.upload_requests import digests


@pytest.fixture
def api(world: Any) -> Any:
    return world.acme.owner.api


def published(api: Any, path: str, content: bytes, name: str = "a.bin") -> dict[str, Any]:
    """Return the one version of an item, whose bytes are these and have been read for all that archives need."""
    (version,) = ok(api.get(path))["versions"]
    assert (version["original"], version["size"], version["sha256"]) == (name, len(content), sha256(content))
    assert api.get(f"{path}/versions/{version['ordinal']}").body() == content
    assert Blob.objects.get(pk=Blob.key("acme", sha256(content))).crc32 == zlib.crc32(content)
    return dict(version)


@pytest.mark.promise("uploads.tus")
def test_options_list_the_supported_parts_of_the_protocol(world: Any, settings: Any) -> None:
    settings.MAX_UPLOAD_SIZE = 1000
    for caller in (world.anonymous, world.acme.owner.api):
        answer = caller.request("options", "uploads")
        assert answer.status_code == 204
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert answer.headers["Tus-Max-Size"] == "1000"
        assert set(answer.headers["Tus-Extension"].split(",")) == {
            "creation",
            "creation-with-upload",
            "checksum",
            "termination",
            "expiration",
            "concatenation",
        }
        assert answer.headers["Tus-Checksum-Algorithm"] == "sha256,sha1"


@pytest.mark.promise("uploads.resume", "uploads.version")
@pytest.mark.parametrize("cuts", [(), (10,), (1, 2, 25)], ids=str)
@pytest.mark.parametrize("remembered", [True, False], ids=["hashed-on-the-way", "hashed-at-the-end"])
def test_bytes_sent_in_several_requests_become_a_version(api: Any, cuts: Any, remembered: bool) -> None:
    path = new_item(api)
    url = begin(api, len(CONTENT), item=path.rpartition("/")[2], path="a.bin", sha256=sha256(CONTENT), filetype="a/b")
    for start, stop in zip((0, *cuts), (*cuts, len(CONTENT)), strict=True):
        assert offset_of(api, url) == start
        if not remembered:
            digests.known.clear()  # as in another process
        answer = patch(api, url, start, CONTENT[start:stop])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(stop)), answer
        assert answer.headers["Tus-Resumable"] == "1.0.0"
        assert answer.headers["Upload-Expires"].endswith("GMT")
    assert published(api, path, CONTENT)["mimetype"] == "a/b"
    assert offset_of(api, url) == len(CONTENT), "a client whose connection broke at the end asks again"
    assert list(stored().values()) == [CONTENT], "only the version's bytes are left"


@pytest.mark.promise("uploads.resume")
@pytest.mark.parametrize("cuts", [(3,), (5, 6), (1, 5, 10)], ids=str)
def test_parts_of_an_object_are_sent_when_they_are_full(
    api: Any, cuts: Any, settings: Any, uploads: ObjectStore | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = uploads.part // 5 if uploads else MIB
    settings.STORAGES["versions"]["OPTIONS"] |= {"part_size": uploads.part} if uploads else {}
    content = b"".join(bytes([number]) * unit for number in range(12))
    path = new_item(api)
    url = begin(api, len(content), item=path.rpartition("/")[2], path="a.bin")
    for start, stop in zip((0, *cuts), (*cuts, 12), strict=True):
        if len(cuts) == 3:
            digests.known.clear()  # as in another process
        else:
            monkeypatch.setattr("versions.uploads._sums", _refuse)
        assert patch(api, url, start * unit, content[start * unit : stop * unit]).status_code == 204
    published(api, path, content)
    assert list(stored().values()) == [content]


def _refuse(*args: object) -> None:
    raise AssertionError("bytes are read once more")


def _is_object_store(settings: Any) -> bool:
    return not settings.STORAGES["versions"]["BACKEND"].endswith("ContentStorage")


@pytest.mark.promise("uploads.tus")
@pytest.mark.parametrize("content", [b"", CONTENT], ids=["empty", "bytes"])
def test_the_creation_can_contain_all_bytes(api: Any, content: bytes) -> None:
    path = new_item(api)
    about = encoded(item=path.rpartition("/")[2], name="a.bin", description="first", ordinal="70")
    answer = post(api, len(content), content, Upload_Metadata=about)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(len(content)))
    version = published(api, path, content)
    assert (version["description"], version["ordinal"]) == ("first", "70")


@pytest.mark.promise("uploads.owner")
def test_an_upload_is_private_to_its_user(world: Any) -> None:
    url = begin(world.acme.owner.api, 10)
    for other in (world.acme.admin.api, world.acme.shared.api, world.rival.owner.api):
        assert head(other, url).status_code == 404
        assert_error(patch(other, url, 0, b"x"), "resource_not_found")
        assert_error(other.delete(url, headers=RESUMABLE), "resource_not_found")
        assert ok(other.get("uploads"))["docs"] == []
    assert head(world.anonymous, url).status_code == 401
    (mine,) = ok(world.acme.owner.api.get("uploads"))["docs"]
    assert (mine["size"], mine["offset"], url.endswith(mine["_id"])) == (10, 0, True)


@pytest.mark.promise("uploads.checksum")
@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
def test_a_body_with_another_checksum_changes_nothing(api: Any, algorithm: str) -> None:
    url = begin(api, 26)
    assert patch(api, url, 0, CONTENT[:5], Upload_Checksum=checksum(CONTENT[:5], algorithm)).status_code == 204
    wrong = patch(api, url, 5, CONTENT[5:], Upload_Checksum=checksum(b"other", algorithm))
    assert_error(wrong, "checksum_mismatch")
    assert offset_of(api, url) == 5
    assert patch(api, url, 5, CONTENT[5:], Upload_Checksum=checksum(CONTENT[5:], algorithm)).status_code == 204
    assert ok(api.get(url))["sha256"] == sha256(CONTENT)


@pytest.mark.promise("uploads.terminate")
@pytest.mark.parametrize("arrived", [0, 10, 26])
def test_a_terminated_upload_leaves_nothing(api: Any, arrived: int) -> None:
    url = begin(api, 26)
    if arrived:
        assert patch(api, url, 0, CONTENT[:arrived]).status_code == 204
    assert api.delete(url, headers=RESUMABLE).status_code == 204
    assert head(api, url).status_code == 404
    assert stored() == {}
    assert not Blob.objects.exists()
    assert not UploadSession.objects.exists()


@pytest.mark.promise("uploads.concatenate")
def test_parts_sent_in_parallel_are_joined(api: Any) -> None:
    path = new_item(api)
    parts = [sent(api, piece, Upload_Concat="partial") for piece in (CONTENT[:7], CONTENT[7:8], CONTENT[8:])]
    about = encoded(item=path.rpartition("/")[2], path="a.bin", sha256=sha256(CONTENT))
    final = {"Upload_Concat": f"final;{' '.join(parts)}", "Upload_Metadata": about}
    answer = post(api, **final)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "26"), answer
    published(api, path, CONTENT)
    assert list(stored().values()) == [CONTENT], "the parts' bytes are gone"
    url = answer.headers["Location"]
    assert post(api, **final).headers["Location"] == url, "a client repeats a request without an answer"
    assert head(api, url).headers["Upload-Concat"] == final["Upload_Concat"]
    assert head(api, parts[0]).headers["Upload-Concat"] == "partial"
    assert_error(patch(api, url, 26, b"x"), "restricted_access_modify")


@pytest.mark.promise("uploads.concatenate")
def test_only_the_users_own_finished_parts_are_joined(world: Any) -> None:
    api = world.acme.owner.api
    whole, part, theirs = (
        sent(api, CONTENT),
        sent(api, CONTENT, Upload_Concat="partial"),
        sent(world.acme.other.api, CONTENT, Upload_Concat="partial"),
    )
    unfinished = post(api, 5, Upload_Concat="partial").headers["Location"]
    for others in (whole, unfinished, part):
        assert_error(post(api, Upload_Concat=f"final;{part} {others}"), "post_request_error")
    assert_error(post(api, Upload_Concat=f"final;{part} {theirs}"), "resource_not_found")
    assert_error(post(api, Upload_Concat="final;"), "post_request_error")
    assert_error(post(api, 5, Upload_Concat="other"), "post_request_error")


@pytest.mark.promise("uploads.version")
def test_bytes_with_another_sha256_than_announced_are_discarded(api: Any) -> None:
    path = new_item(api)
    url = begin(api, 26, item=path.rpartition("/")[2], path="a.bin", sha256=sha256(b"other"))
    assert_error(patch(api, url, 0, CONTENT), "post_request_error", sha256(CONTENT))
    assert head(api, url).status_code == 404
    assert ok(api.get(path))["versions"] == []
    assert stored() == {}


@pytest.mark.promise("uploads.expire")
def test_an_expired_upload_is_gone_and_collected(api: Any) -> None:
    unfinished, finished, young = begin(api, 26), sent(api, CONTENT), begin(api, 26)
    patch(api, unfinished, 0, b"x")
    patch(api, young, 0, b"y")
    call_command("collect_garbage", "--delete", "--older-than", "0s", stdout=StringIO())
    assert sorted(stored().values()) == [CONTENT, b"x", b"y"], "bytes that are on their way stay"
    expire(unfinished, finished)
    assert head(api, unfinished).status_code == head(api, finished).status_code == 404
    call_command("collect_garbage", "--delete", "--older-than", "0s", stdout=StringIO())
    assert list(stored().values()) == [b"y"]
    assert UploadSession.objects.count() == 1
    assert not Blob.objects.exists()


def expire(*urls: str) -> None:
    for url in urls:
        session = UploadSession.objects.filter(pk=url.rpartition("/")[2])
        session.update(expires=session.get().timestamp)


@pytest.mark.promise("uploads.resume")
def test_bytes_that_a_crash_left_beyond_the_offset_are_written_again(api: Any, settings: Any) -> None:
    """A killed process has written more than the row says."""
    url = begin(api, 26)
    patch(api, url, 0, CONTENT[:10])
    before = UploadSession.objects.values("offset", "sent", "place", "tags").get()
    patch(api, url, 10, b"bytes that differ")
    UploadSession.objects.update(**before)
    if _is_object_store(settings):  # which removes a tail only after the row has the next one
        objects: Any = storages["versions"]
        objects.put(f"{objects.incoming}{url.rpartition('/')[2]}.10", CONTENT[:10])
    assert offset_of(api, url) == 10
    assert patch(api, url, 10, CONTENT[10:]).status_code == 204
    assert ok(api.get(url))["sha256"] == sha256(CONTENT)


@pytest.mark.promise("uploads.same-as-put")
def test_a_version_by_tus_is_the_same_as_one_by_put(api: Any) -> None:
    path = new_item(api)
    put_file(api, path, "a.csv", CONTENT, ordinal="1")
    other = new_item(api, name="other")
    about = encoded(item=other.rpartition("/")[2], path="a.csv", filetype="application/octet-stream")
    sent(api, CONTENT, Upload_Metadata=about)
    versions = [ok(api.get(each))["versions"][0] | {"timestamp": ""} for each in (path, other)]
    assert versions[0] == versions[1]
    assert len(stored()) == 1
