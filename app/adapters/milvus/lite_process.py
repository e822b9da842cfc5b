"""milvus-lite in a process of its own.

Its engine is Python and holds the interpreter's lock: in the process of the API and the workers, it and they would
wait for each other, a fifth of the time of an ingest.
"""

import fcntl
import subprocess
import sys
import time
from pathlib import Path

from app.domain.errors import Misconfigured

HELD_S = 10.0  # until a process whose starter died has finished what it had in hand
STOP_S = 60.0  # until one that was told to stop has: it flushes, which may build an index


class LiteProcess:
    """Serves the database in `path` at `address`, until `close` or the death of this process.

    Raises `Misconfigured`: `data_held` where another process has the database, else `milvus_uri`.
    """

    def __init__(self, path: Path) -> None:
        _wait_for(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        # -P: what lies in the current folder is no module of ours. A session of its own: Ctrl-C is for this process.
        self._process = subprocess.Popen(  # noqa: S603 - ours, and a path that is one argument
            [sys.executable, "-P", "-m", "app.adapters.milvus.lite_server", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.address = self._process.stdout.readline().strip() if self._process.stdout else ""
        if not self.address:
            self.close()
            raise Misconfigured(f"{path} cannot be opened as a milvus-lite database", code="milvus_uri")

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


def _wait_for(path: Path) -> None:
    """Wait until nobody has the database, for as long as that may be one who is just stopping."""
    until = time.monotonic() + HELD_S
    while _held(path):
        if time.monotonic() > until:
            raise Misconfigured(
                f"another process holds {path}: stop it, or give this one another data directory", code="data_held"
            )
        time.sleep(0.05)


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
