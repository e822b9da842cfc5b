"""Indexing: every claimed upload goes to every writable build, and counts only once the store has it for certain."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.domain.builds import Build
from app.domain.embeddings import text_hash
from app.domain.uploads import Claim, UploadKind
from app.ports.database import Database, Transaction
from app.ports.uploads import Failure
from app.ports.vectors import VectorRow, VectorStore
from app.services.run_stage import Outcome

Embeddings = Mapping[str, NDArray[np.float32]]

_NOT_FOUND = Failure("not_found_back", "the index took the rows, and reading them back did not find them as written")


@dataclass(slots=True)
class Writes:
    """What one build is to be told for one batch."""

    build: Build
    texts: list[VectorRow] = field(default_factory=list)
    pictures: list[VectorRow] = field(default_factory=list)
    gone_texts: list[str] = field(default_factory=list)
    gone_pictures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class IndexStage:
    """The work of the index stage."""

    database: Database
    store: VectorStore

    def begin(self, claims: Sequence[Claim]) -> Callable[[], Outcome]:
        """Nothing can begin early: rows are written in the order the batches were claimed."""
        return lambda: self._index(claims)

    def _index(self, claims: Sequence[Claim]) -> Outcome:
        unencoded: dict[str, Claim] = {}
        with self.database.writing() as transaction:
            builds = transaction.builds.writable(sorted({claim.catalog for claim in claims}))
            writes: list[Writes] = []
            for catalog, some in builds.items():
                mine = [claim for claim in claims if claim.catalog == catalog]
                for build in some:
                    planned, left_out = _plan(transaction, build, mine)
                    writes.append(planned)
                    unencoded |= {claim.upload_id: claim for claim in left_out}
        missing: set[tuple[str, str]] = set()
        for planned in writes:
            missing |= {(planned.build.catalog, product_id) for product_id in self._write(planned)}
        done = [
            claim
            for claim in claims
            if claim.upload_id not in unencoded and (claim.catalog, claim.product.product_id) not in missing
        ]

        def record(transaction: Transaction, moved: Collection[str]) -> None:
            for planned in writes:
                _note(transaction, planned, claims, moved)

        lost = [claim for claim in claims if (claim.catalog, claim.product.product_id) in missing]
        waiting = {claim.upload_id: _NOT_FOUND for claim in lost}
        return Outcome(done, record, unencoded=list(unencoded.values()), waiting=waiting)

    def _write(self, writes: Writes) -> set[str]:
        """Write, make durable, read back: the ids of products that were not found as they were written."""
        images, texts = writes.build.images, writes.build.texts
        self.store.upsert(images, writes.pictures)
        self.store.delete(images, writes.gone_pictures)
        self.store.upsert(texts, writes.texts)
        self.store.delete(texts, writes.gone_texts)
        for collection in (images, texts):
            self.store.settle(collection)
        wrong = self._differing(images, writes.pictures, writes.gone_pictures)
        return wrong | self._differing(texts, writes.texts, writes.gone_texts)

    def _differing(self, collection: str, rows: Sequence[VectorRow], gone: Sequence[str]) -> set[str]:
        found = self.store.versions(collection, [row.id for row in rows] + list(gone))
        lost = {row.product_id for row in rows if found.get(row.id) != row.version}
        return lost | {_product_of(row_id) for row_id in gone if row_id in found}


def picture_row_id(product_id: str, position: int) -> str:
    """The id of a picture's row: `#` cannot stand in a product_id."""
    return f"{product_id}#{position}"


def position_of(row_id: str) -> int:
    """The position of the picture a row stands for."""
    return int(row_id.rpartition("#")[2])


def _product_of(row_id: str) -> str:
    return row_id.partition("#")[0]


def _plan(transaction: Transaction, build: Build, claims: Sequence[Claim]) -> tuple[Writes, list[Claim]]:
    """The rows of every claim, and the claims that lack an embedding; notes beforehand what the build may hold."""
    catalog = transaction.catalogs.get(build.catalog)
    captions = {c.upload_id: text_hash(c.product.caption(catalog.caption if catalog else ())) for c in claims}
    hashes = {p.content_hash for c in claims for p in c.pictures if p.content_hash} | set(captions.values())
    embeddings = transaction.embeddings.get(build.encoder.fingerprint, sorted(hashes))
    before = transaction.builds.hold(build.id, {c.product.product_id: _slots(c) for c in claims})
    writes = Writes(build)
    unencoded: list[Claim] = []
    for claim in claims:
        product_id = claim.product.product_id
        kept: set[str] = set()
        if claim.kind is UploadKind.DELETE:
            writes.gone_texts.append(product_id)
        else:
            rows = _picture_rows(claim, embeddings)
            caption = embeddings.get(captions[claim.upload_id])
            if rows is None or caption is None:
                unencoded.append(claim)
                continue
            writes.texts.append(_row(claim, product_id, caption))
            writes.pictures += rows
            kept = {row.id for row in rows}
        slots = max(before[product_id], _slots(claim))
        possible = (picture_row_id(product_id, position) for position in range(slots))
        writes.gone_pictures += [row_id for row_id in possible if row_id not in kept]
    return writes, unencoded


def _slots(claim: Claim) -> int:
    """One more than the highest position of a picture."""
    return max((picture.position + 1 for picture in claim.pictures), default=0)


def _picture_rows(claim: Claim, embeddings: Embeddings) -> list[VectorRow] | None:
    """A row for each picture, the same picture twice counted once; None where an embedding is missing."""
    rows: dict[str, VectorRow] = {}
    for picture in claim.pictures:
        name = picture.content_hash
        if name is None or picture.error_code or name in rows:
            continue
        if name not in embeddings:
            return None
        rows[name] = _row(claim, picture_row_id(claim.product.product_id, picture.position), embeddings[name])
    return list(rows.values())


def _row(claim: Claim, row_id: str, vector: NDArray[np.float32]) -> VectorRow:
    return VectorRow(row_id, claim.product.product_id, claim.version, vector, claim.product.attributes)


def _note(transaction: Transaction, writes: Writes, claims: Sequence[Claim], moved: Collection[str]) -> None:
    """Note what a build holds for certain now, and what it may hold of claims that did not move."""
    mine = {claim.product.product_id: claim for claim in claims if claim.catalog == writes.build.catalog}
    done = {name: claim for name, claim in mine.items() if claim.upload_id in moved}
    held = {row.product_id: done[row.product_id] for row in writes.texts if row.product_id in done}
    transaction.builds.held(writes.build.id, {name: (claim.version, _slots(claim)) for name, claim in held.items()})
    transaction.builds.dropped(writes.build.id, [name for name in writes.gone_texts if name in done])
    # Whoever took these over may have taken the note back that was made before they were written.
    unmoved = {row.product_id: mine[row.product_id] for row in writes.texts if row.product_id not in done}
    transaction.builds.hold(writes.build.id, {name: _slots(claim) for name, claim in unmoved.items()})
