"""Uploads in the database: the work, and what is told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from app.domain.uploads import Claim, Stage, Upload, UploadState
from app.ports.products import Accepted


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an upload is dead, or waits: a stable code, and words for a person."""

    code: str
    detail: str


class Uploads(Protocol):
    """Uploads: rows with a state, a lease and an attempt count."""

    def known(self, catalog: str, versions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[str, str]]:
        """(upload_id, digest) of the uploads with these (product_id, version)."""
        ...

    def add(self, catalog: str, accepted: Sequence[Accepted]) -> dict[str, Upload]:
        """Insert uploads; older ones of the same products that no worker has begun are superseded.

        Returns the new receipts by id.
        """
        ...

    def get(self, upload_ids: Sequence[str]) -> dict[str, Upload]:
        """Receipts by id."""
        ...

    def page(
        self, *, state: UploadState | None, catalog: str | None, limit: int, after: str | None = None
    ) -> list[Upload]:
        """Receipts by id, newest first; `after` is the last id of the page before."""
        ...

    def counts(self, catalog: str | None = None) -> dict[UploadState, int]:
        """How many uploads are in each state."""
        ...

    def claim(self, stage: Stage, *, limit: int, lease: timedelta) -> list[Claim]:
        """Take uploads that wait for a stage, oldest first, and count the attempt.

        Uploads that were tried before are taken in ever smaller groups, the last tries alone, so that a picture
        that kills its worker takes no other with it. Uploads that are no longer the newest are superseded
        instead; uploads that have used up their attempts are dead (`attempts_exhausted`).
        """
        ...

    def advance(self, stage: Stage, claims: Sequence[Claim]) -> set[str]:
        """Move the claimed uploads on; returns the ids that moved.

        One that lost its lease or is no longer the newest does not move; where it may have written to an index the
        newest version of its product is indexed again, so that the older one cannot stay on top.
        """
        ...

    def release(
        self,
        claims: Sequence[Claim],
        *,
        delay: timedelta,
        blameless: bool,
        reasons: Mapping[str, Failure] | None = None,
    ) -> None:
        """Give claimed uploads that are still held back, due after `delay`; `blameless` takes the attempt back.

        `reasons`, by upload id, are told by their receipts until they move on.
        """
        ...

    def encode_again(self, claims: Sequence[Claim]) -> None:
        """Send claimed uploads back to the encode stage: a build came that their contents have no embedding for."""
        ...

    def bury(self, claims: Sequence[Claim], failures: Mapping[str, Failure]) -> None:
        """Mark claimed uploads that are still held as dead, with the failure of each by upload id.

        Their product and pictures are kept; they can be retried. One that is no longer the newest is superseded.
        Every one of `claims` is held against other workers until this transaction ends: called first, with all that
        the transaction writes about, it keeps two workers from waiting for each other.
        """
        ...

    def retry(self, upload_id: str) -> bool:
        """Put a dead upload that is still the newest back to its beginning; False where it is not such a one."""
        ...

    def being_indexed(self, catalog: str) -> set[str]:
        """The tokens under which uploads of a catalog are held that may be on their way into its builds."""
        ...

    def busy(self) -> set[str]:
        """The catalogs that have an upload which has not ended."""
        ...

    def due(self) -> dict[Stage, int]:
        """How many uploads each stage could claim now."""
        ...

    def forget_leases(self) -> None:
        """End every lease. Only for a process that knows itself to be the only worker."""
        ...


class IdempotencyKeys(Protocol):
    """What was answered to a key before."""

    def lock(self, catalog: str, keys: Sequence[str]) -> None:
        """Hold these keys against other writers until this transaction ends; lock them before anything else."""
        ...

    def get(self, catalog: str, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
        """(digest, upload_id) by key."""
        ...

    def add(self, catalog: str, key: str, digest: str, upload_id: str) -> None:
        """Write a key down."""
        ...
