"""What milvus-lite leaves to its user: one process, one writer, a log that survives, a full disk."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # it publishes no types
import numpy as np
import pytest
from pymilvus.client.grpc_handler import GrpcHandler

from app.adapters.milvus import lite, lite_process
from app.adapters.milvus.store import MilvusStore
from app.domain.builds import IndexSpec
from app.domain.embeddings import Vectors
from app.domain.errors import Misconfigured, StoreUnavailable
from app.ports.vectors import Stamp, VectorRow

NAME = "vitrine_lite"
DIMENSION = 32
HNSW = IndexSpec.of("HNSW")

WRITER = """
import sys, threading, numpy as np
from tests.integration.test_milvus_lite import NAME, DIMENSION, HNSW, rows_of, unit_vectors
from app.adapters.milvus.store import MilvusStore
store = MilvusStore(sys.argv[1])
store.create(NAME, dimension=DIMENSION, index=HNSW)
vectors = unit_vectors(800)
def write(part):
    for start in range(part * 100, part * 100 + 100, 20):
        store.upsert(NAME, rows_of(vectors[start : start + 20], first=start))
        store.settle(NAME)
threads = [threading.Thread(target=write, args=(part,)) for part in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print("settled", flush=True)
sys.stdin.read()
"""


def unit_vectors(count: int, *, seed: int = 0) -> Vectors:
    drawn = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def rows_of(vectors: Vectors, *, first: int = 0) -> list[VectorRow]:
    return [
        VectorRow(f"p{n}#0", f"p{n}", Stamp(1, n), vector, {"price": n})
        for n, vector in enumerate(vectors, start=first)
    ]


def serving(path: Path) -> list[int]:
    """The processes that this thread has started for this database and that run."""
    started = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(one) for one in started if str(path).encode() in Path(f"/proc/{one}/cmdline").read_bytes()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vectors.db"


@pytest.fixture
def store(path: Path) -> Iterator[MilvusStore]:
    opened = MilvusStore(str(path))
    opened.create(NAME, dimension=DIMENSION, index=HNSW)
    yield opened
    opened.close()


@pytest.fixture
def writer(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that wrote 800 rows from eight threads, settled them, and holds the database."""
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "settled\n"
        yield process
        process.kill()


def test_what_was_settled_survives_the_death_of_the_process(path: Path, writer: "subprocess.Popen[str]") -> None:
    (process,) = Path(f"/proc/{writer.pid}/task/{writer.pid}/children").read_text().split()
    folder = Path(Path(f"/proc/{process}/cmdline").read_text().split("\0")[-2])
    assert folder.exists()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    store = MilvusStore(str(path))
    try:
        store.ping()
        while Path(f"/proc/{process}").exists():
            time.sleep(0.01)
        assert not folder.exists()
        assert store.count(NAME) == 800
        answers = store.search(NAME, unit_vectors(800), limit=1, index=HNSW)
        assert [hits[0].id for hits in answers] == [f"p{n}#0" for n in range(800)]
    finally:
        store.close()


def test_a_database_that_another_process_holds_is_named(
    path: Path, writer: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lite_process, "HELD_S", 0.1)
    store = MilvusStore(str(path))
    with pytest.raises(Misconfigured, match="another process holds") as refused:
        store.ping()
    assert refused.value.code == "data_held"
    writer.communicate()
    monkeypatch.undo()
    store.ping()
    assert store.count(NAME) == 800
    store.close()


def test_the_death_of_its_process_loses_nothing_and_is_mended(path: Path) -> None:
    store = MilvusStore(str(path))
    store.create(NAME, dimension=DIMENSION, index=HNSW)
    vectors = unit_vectors(100)
    store.upsert(NAME, rows_of(vectors[:50]))
    for last in (75, 100):
        (process,) = serving(path)
        os.kill(process, signal.SIGKILL)
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
        assert store.search(NAME, vectors[5:6], limit=1, index=HNSW)[0][0].id == "p5#0"
        store.upsert(NAME, rows_of(vectors[last - 25 : last], first=last - 25))
    assert store.count(NAME) == 100
    store.close()
    assert serving(path) == []


def test_a_death_in_the_middle_of_a_call_is_an_outage_of_seconds(store: MilvusStore, path: Path) -> None:
    store.upsert(NAME, rows_of(unit_vectors(100)))
    (process,) = serving(path)
    os.kill(process, signal.SIGSTOP)
    threading.Timer(0.5, os.kill, (process, signal.SIGKILL)).start()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.count(NAME)
    assert time.monotonic() - began < 5
    assert store.count(NAME) == 100


def test_its_socket_is_for_this_user_alone(store: MilvusStore, path: Path) -> None:
    store.ping()
    (process,) = serving(path)
    sockets = [line.split()[-1] for line in Path(f"/proc/{process}/net/unix").read_text().splitlines()]
    folders = {Path(one).parent for one in sockets if "vitrine-" in one}
    assert folders
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in folders if folder.exists())


def test_a_path_that_is_no_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        MilvusStore(str(tmp_path / "vectors"))
    (tmp_path / "file.db").write_text("not a directory")
    with pytest.raises(Misconfigured, match="cannot be opened"):
        MilvusStore(str(tmp_path / "file.db")).ping()


def test_a_store_opened_again_has_what_was_written(path: Path, store: MilvusStore) -> None:
    vectors = unit_vectors(100)
    store.upsert(NAME, rows_of(vectors))
    store.close()
    again = MilvusStore(str(path))
    assert again.stamps(NAME, ["p99#0"]) == {"p99#0": Stamp(1, 99)}
    assert again.search(NAME, vectors[5:6], limit=1, index=HNSW)[0][0].id == "p5#0"
    again.close()


def segments(path: Path) -> int:
    return len(list(path.rglob("data_*.parquet")))


def test_rows_become_a_segment_when_enough_have_gathered(path: Path, store: MilvusStore) -> None:
    vectors = unit_vectors(lite.FLUSH_ROWS)
    store.upsert(NAME, rows_of(vectors[:-1]))
    assert segments(path) == 0
    store.upsert(NAME, rows_of(vectors[-1:], first=len(vectors) - 1))
    assert segments(path) == 1
    assert store.count(NAME) == lite.FLUSH_ROWS


def test_a_search_after_an_ingest_has_ended_makes_a_segment_of_the_rest(path: Path, store: MilvusStore) -> None:
    vectors = unit_vectors(lite.QUIET_ROWS)
    store.upsert(NAME, rows_of(vectors))
    store.search(NAME, vectors[:1], limit=1, index=HNSW)
    assert segments(path) == 0
    time.sleep(lite.QUIET_SECONDS + 0.1)
    store.search(NAME, vectors[:1], limit=1, index=HNSW)
    assert segments(path) == 1


def test_nobody_waits_for_the_index_of_an_empty_collection(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GrpcHandler, "wait_for_creating_index", lambda *_, **__: pytest.fail("it sleeps"))
    store = MilvusStore(str(path))
    store.create(NAME, dimension=DIMENSION, index=HNSW)
    assert store.count(NAME) == 0
    store.close()


def test_an_empty_collection_has_nothing_to_index(store: MilvusStore) -> None:
    store.seal(NAME)
    assert store.unindexed(NAME) == store.unserved(NAME) == 0


def test_what_is_written_to_all_the_time_is_indexed_in_between(store: MilvusStore) -> None:
    vectors = unit_vectors(3 * lite.FLUSH_ROWS)
    store.upsert(NAME, rows_of(vectors))
    enough = threading.Event()

    def write() -> None:
        while not enough.wait(0.02):  # a thousand rows a second at most: more than an embedded shop takes in
            first = random.randrange(len(vectors) - 20)
            store.upsert(NAME, rows_of(vectors[first : first + 20], first=first))

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            store.seal(NAME)
            until = time.monotonic() + 30
            while store.unindexed(NAME):
                assert time.monotonic() < until
                time.sleep(0.1)
        finally:
            enough.set()
        writing.result()


def test_a_torn_index_file_is_built_anew(path: Path, store: MilvusStore) -> None:
    vectors = unit_vectors(200)
    store.upsert(NAME, rows_of(vectors))
    store.close()
    (index_file,) = path.rglob("*.idx")
    index_file.write_bytes(index_file.read_bytes()[:1_000])
    answers = store.search(NAME, vectors, limit=1, index=HNSW)
    assert [hits[0].id for hits in answers] == [f"p{n}#0" for n in range(200)]


def test_few_rows_are_indexed_without_a_warning_of_faiss(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store = MilvusStore(str(path))
    store.create(NAME, dimension=DIMENSION, index=IndexSpec.exact())
    vectors = unit_vectors(10)
    store.upsert(NAME, rows_of(vectors))
    store.close()
    answers = store.search(NAME, vectors, limit=1, index=IndexSpec.exact())  # opened anew, with a segment of ten
    store.close()
    assert [hits[0].id for hits in answers] == [f"p{n}#0" for n in range(10)]
    assert len(list(path.rglob("*.idx"))) == 1
    assert capfd.readouterr().err == ""


FULL = """
import resource, sys
from pathlib import Path
from tests.integration.test_milvus_lite import NAME, DIMENSION, HNSW, rows_of, serving, unit_vectors
from app.adapters.milvus.store import MilvusStore
from app.domain.errors import StoreUnavailable
store = MilvusStore(sys.argv[1])
store.create(NAME, dimension=DIMENSION, index=HNSW)
vectors = unit_vectors(900)
store.upsert(NAME, rows_of(vectors[:300]))
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
def limit(size):
    for process in (0, *serving(Path(sys.argv[1]))):
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, hard))
log = max(file.stat().st_size for file in Path(sys.argv[1]).rglob("wal_data_*"))
limit(log + 10_000)
failures = 0
for _ in range(3):
    try:
        store.upsert(NAME, rows_of(vectors[300:600], first=300))
    except StoreUnavailable:
        failures += 1
limit(hard)
store.upsert(NAME, rows_of(vectors[600:], first=600))
found = store.stamps(NAME, [f"p{n}#0" for n in range(900)])
print(failures, len(found), flush=True)
sys.stdin.read()
"""


def test_after_a_full_disk_what_was_acknowledged_is_still_there(path: Path) -> None:
    command = [sys.executable, "-c", FULL, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        failures, found = map(int, process.stdout.readline().split())
        process.kill()
    assert failures == 3
    assert found >= 600
    store = MilvusStore(str(path))
    try:
        expected = {f"p{n}#0" for n in [*range(300), *range(600, 900)]}
        assert expected <= store.stamps(NAME, [f"p{n}#0" for n in range(900)]).keys()
    finally:
        store.close()


def test_a_store_is_asked_for_the_collections_that_are_needed(store: MilvusStore) -> None:
    store.ping([NAME])
    with pytest.raises(StoreUnavailable) as raised:
        store.ping([NAME, "vitrine_gone"])
    assert raised.value.code == "index_lost"
    assert "vitrine_gone" not in raised.value.detail


def test_a_server_that_does_not_answer_is_unavailable_within_the_deadline() -> None:
    store = MilvusStore("http://127.0.0.1:9", timeout=1.0)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.ping()
    assert time.monotonic() - began < 5


def test_a_client_may_ask_often_whether_the_process_lives(tmp_path: Path) -> None:
    """As pymilvus does all the time; gRPC ends the connection of who asks too often, and says so on stderr."""
    states: list[grpc.ChannelConnectivity] = []
    often = [
        ("grpc.keepalive_time_ms", 1_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    with (
        closing(lite_process.LiteProcess(tmp_path / "milvus.db")) as process,
        grpc.insecure_channel(process.address, options=often) as channel,
    ):
        grpc.channel_ready_future(channel).result(30)
        channel.subscribe(states.append)
        time.sleep(5)  # two would be forgiven
        assert states == [grpc.ChannelConnectivity.READY]
