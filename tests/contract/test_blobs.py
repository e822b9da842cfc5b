"""What every store of pictures does: in memory, in a folder, in an S3-compatible store over the network."""

import errno
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from app.adapters.blobs import folder
from app.adapters.blobs.folder import FolderBlobs
from app.adapters.blobs.s3 import S3Blobs
from app.domain.embeddings import picture_hash
from app.domain.errors import BlobsUnavailable, Misconfigured, NotFound
from app.ports.blobs import Blob, Blobs
from tests.fakes.blobs import MemoryBlobs

JPEG = b"\xff\xd8\xff\xe0" + b"a picture" * 100
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 more"
ABSENT = "0" * 64


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Blobs]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=s3_endpoint)
    client.create_bucket(Bucket="pictures")
    yield S3Blobs("pictures", prefix="shop", endpoint_url=s3_endpoint)
    for stored in client.list_objects_v2(Bucket="pictures").get("Contents", []):
        client.delete_object(Bucket="pictures", Key=stored["Key"])
    client.delete_bucket(Bucket="pictures")
    client.close()


@pytest.fixture(params=["memory", "folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    match request.param:
        case "memory":
            return MemoryBlobs()
        case "folder":
            return FolderBlobs(tmp_path / "pictures")
        case _:
            return request.getfixturevalue("s3")


def put_all(blobs: Blobs, stored: Mapping[str, Blob]) -> None:
    with blobs.staged(stored) as store:
        store(stored)


def test_a_picture_comes_back_as_it_was_put(blobs: Blobs) -> None:
    for content, media_type in ((JPEG, "image/jpeg"), (WEBP, "image/webp")):
        blobs.put(picture_hash(content), content, media_type)
        assert blobs.get(picture_hash(content)) == Blob(content, media_type)


def test_putting_twice_changes_nothing(blobs: Blobs) -> None:
    for _ in range(2):
        blobs.put(picture_hash(JPEG), JPEG, "image/jpeg")
    assert blobs.get(picture_hash(JPEG)).content == JPEG


def test_many_pictures_are_all_stored(blobs: Blobs) -> None:
    contents = [JPEG + bytes([number]) for number in range(40)]
    stored = {picture_hash(content): Blob(content, "image/jpeg") for content in contents}
    put_all(blobs, {})
    put_all(blobs, stored)
    put_all(blobs, stored)
    assert {name: blobs.get(name) for name in stored} == stored


def test_what_is_staged_is_stored_only_where_it_is_asked_for(blobs: Blobs) -> None:
    kept, left = (picture_hash(content) for content in (JPEG, WEBP))
    with blobs.staged({kept: Blob(JPEG, "image/jpeg"), left: Blob(WEBP, "image/webp")}) as store:
        for name in (kept, left):
            with pytest.raises(NotFound):
                blobs.get(name)
        store([kept])
        assert blobs.get(kept).content == JPEG
    assert blobs.get(kept).content == JPEG
    with pytest.raises(NotFound):
        blobs.get(left)


def test_what_is_staged_and_not_stored_leaves_no_file(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    with pytest.raises(KeyError), blobs.staged({picture_hash(JPEG): Blob(JPEG, "image/jpeg")}):
        raise KeyError
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_picture_that_is_not_there_is_not_found(blobs: Blobs) -> None:
    with pytest.raises(NotFound) as caught:
        blobs.get(ABSENT)
    assert caught.value.code == "picture_not_found"


def test_a_deleted_picture_is_gone_and_can_be_deleted_again(blobs: Blobs) -> None:
    blobs.put(picture_hash(JPEG), JPEG, "image/jpeg")
    blobs.delete(picture_hash(JPEG))
    blobs.delete(picture_hash(JPEG))
    with pytest.raises(NotFound):
        blobs.get(picture_hash(JPEG))


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n", "\0" * 64, "a" * 5000])
def test_a_name_that_is_no_content_hash_is_never_a_path(blobs: Blobs, name: str) -> None:
    with pytest.raises(ValueError):
        blobs.put(name, JPEG, "image/jpeg")
    with pytest.raises(ValueError):
        put_all(blobs, {name: Blob(JPEG, "image/jpeg")})
    with pytest.raises(ValueError):
        blobs.delete(name)
    with pytest.raises(NotFound):
        blobs.get(name)


def test_it_answers(blobs: Blobs) -> None:
    blobs.ping()


def test_a_reader_sees_the_whole_picture_or_none(blobs: Blobs) -> None:
    content = JPEG * 2_000
    name = picture_hash(content)
    start = threading.Barrier(5)

    def write() -> None:
        start.wait()
        blobs.put(name, content, "image/jpeg")

    def read() -> None:
        start.wait()
        for _ in range(20):
            try:
                assert blobs.get(name).content == content
            except NotFound:
                continue

    with ThreadPoolExecutor(5) as threads:
        for done in [*(threads.submit(write) for _ in range(3)), *(threads.submit(read) for _ in range(2))]:
            done.result()
    assert blobs.get(name).content == content


def test_a_folder_that_cannot_be_written_to_is_unavailable(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "pictures")
    (tmp_path / "pictures").rename(tmp_path / "elsewhere")
    with pytest.raises(BlobsUnavailable):
        blobs.put(picture_hash(JPEG), JPEG, "image/jpeg")
    with pytest.raises(BlobsUnavailable):
        put_all(blobs, {picture_hash(content): Blob(content, "image/jpeg") for content in (JPEG, WEBP)})
    with pytest.raises(BlobsUnavailable):
        blobs.ping()


def test_a_folder_on_top_of_a_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "pictures").write_bytes(b"")
    with pytest.raises(BlobsUnavailable):
        FolderBlobs(tmp_path / "pictures")


def test_a_write_that_failed_leaves_no_file_behind(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    (tmp_path / picture_hash(JPEG)[0]).rmdir()
    with pytest.raises(BlobsUnavailable):
        blobs.put(picture_hash(JPEG), JPEG, "image/jpeg")
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_no_name_before_its_content_is_on_the_disk_and_no_return_before_its_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = FolderBlobs(tmp_path)
    monkeypatch.setattr(folder, "_TOGETHER", 2)
    events: list[tuple[str, str]] = []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        events.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        fsync(descriptor)

    def named(self: Path, target: Path) -> Path:
        events.append(("name", self.name))
        events.append(("enter", target.parent.name))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", named)
    contents = [JPEG + bytes([number]) for number in range(5)]
    put_all(blobs, {picture_hash(content): Blob(content, "image/jpeg") for content in contents})
    unfinished = [name for kind, name in events if kind == "name"]
    assert len(set(unfinished)) == len(contents)
    for name in unfinished:
        assert events.index(("sync", name)) < events.index(("name", name))
    for kind, place in events:
        if kind == "enter":
            last = max(at for at, event in enumerate(events) if event == ("enter", place))
            assert ("sync", place) in events[last:]


def test_a_disk_that_fails_halfway_leaves_no_picture_and_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = FolderBlobs(tmp_path)
    monkeypatch.setattr(folder, "_TOGETHER", 2)
    opened = len(list(Path("/proc/self/fd").iterdir()))
    synced: list[str] = []
    full_disk = True
    fsync = os.fsync

    def full(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        if full_disk and len(synced) == 4:
            raise OSError(errno.ENOSPC, "no space left")
        fsync(descriptor)

    contents = {picture_hash(JPEG + bytes([number])): JPEG + bytes([number]) for number in range(6)}
    stored = {name: Blob(content, "image/jpeg") for name, content in contents.items()}
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BlobsUnavailable):
        put_all(blobs, stored)
    full_disk = False
    assert len(list(Path("/proc/self/fd").iterdir())) == opened
    assert list((tmp_path / "unfinished").iterdir()) == []
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []

    synced.clear()
    put_all(blobs, stored)
    assert {name[0] for name in contents} <= set(synced), "the names of the first time may not be on the disk yet"
    assert {name: blobs.get(name).content for name in contents} == contents


def test_a_dead_process_s_unfinished_files_are_cleared_and_fresh_ones_are_not(tmp_path: Path) -> None:
    FolderBlobs(tmp_path)
    dead, fresh = tmp_path / "unfinished" / "dead", tmp_path / "unfinished" / "fresh"
    dead.touch()
    fresh.touch()
    os.utime(dead, (0, 0))
    FolderBlobs(tmp_path)
    assert not dead.exists()
    assert fresh.exists()


def test_an_s3_store_that_does_not_answer_is_unavailable(s3: S3Blobs) -> None:
    gone = S3Blobs("pictures", endpoint_url="http://127.0.0.1:9")
    with pytest.raises(BlobsUnavailable):
        gone.get(ABSENT)


def test_a_bucket_that_is_not_there_is_unavailable_and_not_an_empty_one(s3: S3Blobs, s3_endpoint: str) -> None:
    other = S3Blobs("no-such-bucket", endpoint_url=s3_endpoint)
    with pytest.raises(BlobsUnavailable):
        other.get(ABSENT)
    with pytest.raises(BlobsUnavailable):
        other.ping()


def test_an_endpoint_that_is_no_url_is_misconfigured() -> None:
    with pytest.raises(Misconfigured):
        S3Blobs("pictures", endpoint_url="not a url")
