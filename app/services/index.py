"""Indexing: every claimed upload goes to every writable build, and counts only once the store has it for certain."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from app.domain.builds import BuildState
from app.domain.errors import VitrineError
from app.domain.uploads import MAX_ATTEMPTS, Claim
from app.ports.database import Database, Transaction
from app.ports.uploads import Failure
from app.ports.vectors import VectorStore
from app.services.build_faults import BuildFaults
from app.services.build_writes import Writes, note_written, plan_writes, write
from app.services.run_stage import Outcome

_NOT_FOUND = Failure("not_found_back", "the index took the rows, and reading them back did not find them as written")


@dataclass(frozen=True, slots=True)
class IndexStage:
    """The work of the index stage."""

    database: Database
    store: VectorStore

    def begin(self, claims: Sequence[Claim]) -> Callable[[], Outcome]:
        """Nothing can begin early: rows are written in the order the batches were claimed."""
        return lambda: self._index(claims)

    def _index(self, claims: Sequence[Claim]) -> Outcome:
        with self.database.writing() as transaction:
            builds = transaction.builds.writable(sorted({claim.catalog for claim in claims}))
            writes = [
                plan_writes(transaction, build, [claim.content for claim in claims if claim.catalog == catalog])
                for catalog, some in builds.items()
                for build in some
            ]
        unencoded = {(planned.build.catalog, product_id) for planned in writes for product_id in planned.unencoded}
        missing: set[tuple[str, str]] = set()
        faults = BuildFaults(claims[0].attempts)
        for planned in writes:
            with faults.of([planned.build]):
                lost = write(self.store, planned)
                if lost and planned.build.state is not BuildState.LIVE and claims[0].attempts >= MAX_ATTEMPTS:
                    raise VitrineError(_NOT_FOUND.detail, code=_NOT_FOUND.code)
                missing |= {(planned.build.catalog, product_id) for product_id in lost}
        done = [claim for claim in claims if claim.key not in unencoded | missing]

        def record(transaction: Transaction, moved: Collection[str]) -> None:
            faults.record(transaction)
            for planned in writes:
                _note(transaction, planned, claims, moved)

        return Outcome(
            done,
            record,
            unencoded=[claim for claim in claims if claim.key in unencoded],
            waiting={claim.upload_id: _NOT_FOUND for claim in claims if claim.key in missing},
        )


def _note(transaction: Transaction, writes: Writes, claims: Sequence[Claim], moved: Collection[str]) -> None:
    """Note what a build holds for certain now, and what it may hold of claims that did not move."""
    mine = [claim for claim in claims if claim.catalog == writes.build.catalog]
    certain = {claim.product.product_id for claim in mine if claim.upload_id in moved}
    note_written(transaction, writes, {claim.product.product_id: claim.content for claim in mine}, certain)
