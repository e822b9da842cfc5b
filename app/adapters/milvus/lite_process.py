"""milvus-lite in a process of its own.

Its engine is Python and holds the interpreter's lock: in the process of the API and the workers, it and they would
wait for each other, a fifth of the time of an ingest.
"""

import fcntl
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from app.domain.errors import Misconfigured, StoreUnavailable

log = logging.getLogger(__name__)

HELD_S = 10.0  # until a process whose starter died has finished what it had in hand
START_S = 120.0  # until it listens: a log that was left behind is read first
STOP_S = 60.0  # until one that was told to stop has: it flushes, which may build an index


class LiteProcess:
    """Serves the database in `path` at `address`, until `close` or the death of this process.

    Raises `Misconfigured`, `data_held` where another process has the database and else `milvus_uri`, and
    `StoreUnavailable` where this machine has no room for a process.
    """

    def __init__(self, path: Path) -> None:
        _wait_for(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folder = tempfile.mkdtemp(prefix="vitrine-")  # which no other user may enter
            self.address = f"unix:{self._folder}/milvus"
            self._process = _start(path, self._folder)
        except OSError as error:
            log.warning("milvus_lite.not_started", extra={"detail": str(error)})
            raise StoreUnavailable("milvus-lite cannot be started") from error
        late = threading.Timer(START_S, self._process.kill)
        late.start()
        listens = self._process.stdout.readline() if self._process.stdout else ""
        late.cancel()
        if not listens:
            self.close()
            raise (
                _another_has(path)
                if _held(path)
                else Misconfigured(f"{path} cannot be opened as a milvus-lite database", code="milvus_uri")
            )

    @property
    def running(self) -> bool:
        """Whether it is still there."""
        return self._process.poll() is None

    def close(self) -> None:
        """Flush and stop; another process may open the database then."""
        try:
            self._process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)  # which a process that was killed has left


def _start(path: Path, folder: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - ours, and arguments that no shell reads
        # -P: what lies in the current folder is no module of ours.
        [sys.executable, "-P", "-m", "app.adapters.milvus.lite_server", str(path), folder],
        # To compare with one vector, cores that wait for each other take longer than one.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process
    )


def _wait_for(path: Path) -> None:
    """Wait until nobody has the database, for as long as that may be one who is just stopping."""
    until = time.monotonic() + HELD_S
    while _held(path):
        if time.monotonic() > until:
            raise _another_has(path)
        time.sleep(0.05)


def _another_has(path: Path) -> Misconfigured:
    return Misconfigured(
        f"another process holds {path}: stop it, or give this one another data directory", code="data_held"
    )


def _held(path: Path) -> bool:
    """Whether another process has the lock that milvus-lite takes in its directory."""
    try:
        with (path / "LOCK").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
