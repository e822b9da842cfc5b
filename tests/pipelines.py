"""The services in one thread: a real database in a file and real pictures; what is beyond the process is a fake."""

import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from app.adapters.images.checker import PillowPictureChecker
from app.adapters.postgres.database import SqlDatabase
from app.adapters.postgres.engine import open_engine
from app.domain.answers import SearchResult
from app.domain.builds import Build
from app.domain.errors import VitrineError
from app.domain.products import Catalog
from app.domain.search import SearchQuery
from app.domain.submissions import Submission
from app.domain.uploads import Stage, Upload, UploadState
from app.domain.urls import UrlPolicy
from app.ports.products import StoredProduct
from app.services.accept_upload import Reception, accept
from app.services.catalog_columns import CatalogColumns
from app.services.catalog_now import CatalogReader
from app.services.content_encoder import ContentEncoder
from app.services.encode import EncodeStage
from app.services.encoders import Encoders
from app.services.index import IndexStage
from app.services.intake import intake
from app.services.open_catalog import open_catalog
from app.services.query_vectors import QueryEncoder
from app.services.record_queries import QueryRecorder
from app.services.run_stage import Batching, run_stage
from app.services.seal_cursors import Cursors
from app.services.search import Searcher
from app.services.search_legs import Legs
from app.services.searches_first import SearchesFirst
from app.services.watch_recall import RecallWatch
from migrations.upgrade import upgrade
from tests.factories import FLAT, a_catalog
from tests.fakes.blobs import MemoryBlobs
from tests.fakes.encoders import FakeEncoder, FakeLoader
from tests.fakes.fetcher import FakeFetcher
from tests.fakes.jobs import FakeJobs
from tests.fakes.vectors import FakeVectorStore


def migrated_sqlite(path: Path) -> Path:
    """An empty database that others can be copied from: a migration takes longer than a test."""
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


def _in_a_hurry(connection: Any, _record: Any) -> None:
    """Tests survive no power cut, and need not wait for a disk at every commit."""
    connection.execute("PRAGMA synchronous=OFF")


class Pipeline:
    """Accepts, works when it is told to, and searches. Holds the catalog `shop`."""

    def __init__(self, migrated: Path, folder: Path) -> None:
        shutil.copy(migrated, folder / "vitrine.sqlite")
        self.database = SqlDatabase(f"sqlite:///{folder / 'vitrine.sqlite'}")
        event.listen(self.database.engine, "connect", _in_a_hurry)
        self.pool, self.pages = ThreadPoolExecutor(2), ThreadPoolExecutor(2)
        self.blobs, self.jobs, self.store = MemoryBlobs(), FakeJobs(), FakeVectorStore()
        self.fetcher, self.encoder, checker = FakeFetcher({}), FakeEncoder(), PillowPictureChecker()
        self.loader = FakeLoader(self.encoder)
        self.encoders = Encoders(self.loader, configured=self.encoder.spec.name)
        self.reception = Reception(self.database, checker, UrlPolicy(), self.blobs, self.jobs, self.pool, 2)
        self.index = IndexStage(self.database, self.store)
        self.contents = ContentEncoder(self.database, self.blobs, self.encoders, self.pool, 4)
        self.begins = {
            Stage.INTAKE: intake(self.fetcher, checker, self.blobs, self.pool),
            Stage.ENCODE: EncodeStage(self.database, self.contents).begin,
            Stage.INDEX: self.index.begin,
        }
        encoder = QueryEncoder(self.database, self.encoders, checker, self.fetcher)
        legs, recorder = Legs(self.database, self.store, self.pool), QueryRecorder(self.database, 10)
        self.searches = SearchesFirst()
        self.now = time.time()
        self.cursors = Cursors(self.database, clock=lambda: self.now)
        columns = CatalogColumns()
        watch = RecallWatch(self.database, legs, columns, self.searches)
        catalogs = CatalogReader(self.database, columns)
        self.searcher = Searcher(
            self.database, encoder, legs, catalogs, recorder, self.searches, self.cursors, watch, budget_s=30.0
        )
        self.declare(a_catalog())

    def declare(self, catalog: Catalog) -> None:
        open_catalog(self.database, self.store, catalog, encoder=self.encoder.spec, index=FLAT)

    def accept(self, *submissions: Submission, catalog: str = "shop") -> list[Upload | VitrineError]:
        return accept(self.reception, catalog, submissions)

    def accepted(self, submission: Submission) -> Upload:
        (outcome,) = self.accept(submission)
        assert isinstance(outcome, Upload), outcome
        return outcome

    def refused(self, submission: Submission) -> VitrineError:
        (outcome,) = self.accept(submission)
        assert isinstance(outcome, VitrineError), outcome
        return outcome

    def run(self, stage: Stage, *, limit: int = 16) -> int:
        batching = Batching(limit, timedelta(minutes=1))
        return run_stage(stage, self.database, self.jobs, batching=batching, begin=self.begins[stage])

    def work(self) -> None:
        """Run every stage, until there is nothing to do but wait."""
        while sum([self.run(stage) for stage in Stage]):
            pass

    def wait(self) -> None:
        """Let the delays and leases of everything end."""
        with self.database.engine.execution_options(vitrine_writes=True).begin() as connection:
            connection.execute(text("UPDATE uploads SET due_at = '2026-01-01 00:00:00'"))

    def receipt(self, upload: Upload) -> Upload:
        with self.database.reading() as transaction:
            return transaction.uploads.get([upload.id])[upload.id]

    def receipts(self) -> list[Upload]:
        with self.database.reading() as transaction:
            return transaction.uploads.page(state=None, catalog="shop", limit=1_000)

    def states(self, product_id: str = "p") -> dict[int, UploadState]:
        return {one.version: one.state for one in self.receipts() if one.product_id == product_id}

    def product(self, product_id: str = "p") -> StoredProduct | None:
        with self.database.reading() as transaction:
            return transaction.products.get("shop", [product_id]).get(product_id)

    def live(self) -> Build:
        with self.database.reading() as transaction:
            build = transaction.builds.live("shop")
        assert build is not None
        return build

    def rows(self, product_id: str = "p") -> dict[str, int]:
        """The version of every row the live build has of a product."""
        build = self.live()
        rows = self.store.stamps(build.images, [f"{product_id}#{position}" for position in range(20)])
        rows |= self.store.stamps(build.texts, [product_id])
        return {row_id: stamp.version for row_id, stamp in rows.items()}

    def search(self, query: SearchQuery, cursor: str | None = None) -> SearchResult:
        return self.searcher.search("shop", query, cursor)

    def count(self, table: str) -> int:
        with self.database.engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())

    def everything(self) -> dict[str, int]:
        """How many rows, files and vectors there are."""
        tables = ("products", "uploads", "images", "idempotency_keys", "build_products")
        build = self.live()
        vectors = self.store.count(build.images) + self.store.count(build.texts)
        return {name: self.count(name) for name in tables} | {"files": len(self.blobs.stored), "vectors": vectors}

    def close(self) -> None:
        self.pages.shutdown()
        self.pool.shutdown()
        self.database.close()


def titles(result: SearchResult) -> Sequence[str]:
    return [hit.product.title for hit in result.hits]
