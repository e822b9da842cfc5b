"""The data directory of the embedded default: one process at a time has it."""

import fcntl
import os
from pathlib import Path

from app.domain.errors import Misconfigured


class DataDirectory:
    """Holds a data directory until `close`.

    Raises `Misconfigured` (`data_held`) where another process has it: the message says which, and what to do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Misconfigured(
                f"{path} cannot be a data directory: {error.strerror}", code="data_directory"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 200, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            told = f" (process {holder})" if holder else ""
            raise Misconfigured(
                f"another process{told} holds the data directory {path}: stop it, talk to it with --url, or name "
                "another directory with --data",
                code="data_held",
            ) from None
        self.tell(str(os.getpid()))

    def tell(self, words: str) -> None:
        """Write down who holds the directory, for whoever finds it held."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, words.encode(), 0)

    def close(self) -> None:
        """Let go."""
        os.close(self._descriptor)
