"""What goes wrong with a build that is not live ends that build, and no upload: a shop does not wait for it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.domain.builds import Build, BuildState
from app.domain.errors import EncoderNotFound, EncoderRefused, Unavailable, VitrineError
from app.domain.uploads import MAX_ATTEMPTS
from app.ports.database import Transaction
from app.ports.uploads import Failure
from app.services.end_build import end_build

log = logging.getLogger(__name__)

INDEX_LOST = "index_lost"


class BuildFaults:
    """The faults of one batch of uploads that have had `attempts`, counted from 1."""

    def __init__(self, attempts: int) -> None:
        self._attempts = attempts
        self._ended: dict[str, tuple[Build, Failure]] = {}

    @contextmanager
    def of(self, builds: Sequence[Build]) -> Iterator[None]:
        """Keep back what is raised while something is done for these builds alone, where it ends them.

        It does where none of them is live and it is an encoder that cannot be had, a collection that is gone, or
        anything else at the last attempt of the uploads. What all builds share and is away for now is raised.
        """
        try:
            yield
        except Exception as error:
            live = any(build.state is BuildState.LIVE for build in builds)
            if live or not self._ends(error):
                raise
            code = error.code if isinstance(error, VitrineError) else "attempt_failed"
            log.exception("build.given_up", extra={"builds": [build.id for build in builds], "code": code})
            reason = Failure(code, "uploads could not go on with it: the log of the service says more")
            self._ended |= {build.id: (build, reason) for build in builds}

    def _ends(self, error: Exception) -> bool:
        if isinstance(error, EncoderNotFound | EncoderRefused):
            return True
        if isinstance(error, Unavailable):
            return error.code == INDEX_LOST
        return self._attempts >= MAX_ATTEMPTS

    def record(self, transaction: Transaction) -> None:
        """End the builds, in the transaction in which the uploads move on without them."""
        for build, reason in self._ended.values():
            transaction.builds.hold_still(build.catalog)
            now = transaction.builds.get(build.id)
            if now is None or not now.takes_uploads or now.state is BuildState.LIVE:
                continue
            ends = BuildState.RETIRED if now.state is BuildState.RETIRED else BuildState.FAILED
            told = {"code": reason.code, "detail": reason.detail}
            end_build(transaction, now, ends, "given up", reason=reason, told=told)
