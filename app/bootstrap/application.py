"""What a process of Vitrine works with."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from app.adapters.celery.jobs import CeleryJobs
from app.adapters.celery.worker import EmbeddedWorker
from app.adapters.milvus.store import MilvusStore
from app.adapters.postgres.database import SqlDatabase
from app.config import Settings
from app.domain.builds import Build, IndexSpec
from app.domain.products import Catalog
from app.domain.uploads import Stage
from app.ports.blobs import Blobs
from app.ports.encoders import Encoder
from app.services.accept_upload import Reception
from app.services.build_worker import BuildWorker
from app.services.cached_search import CachedSearch
from app.services.embed import Embedder
from app.services.encoders import Encoders
from app.services.explain_product import Explainer
from app.services.follow_live import Aliases
from app.services.open_catalog import open_catalog
from app.services.run_stage import Batching, Begin, run_stage
from app.services.seal_imports import seal_imports
from app.services.search import Searcher
from app.services.search_breaker import SearchBreaker
from app.services.searches_first import SearchesFirst
from app.services.start_build import start_build
from app.services.sweep import sweep
from app.services.switch_build import Switch
from app.services.turns import Turns
from app.services.uploads_first import UploadsFirst
from app.services.work_on_builds import work_on_builds


@dataclass(frozen=True)
class Application:
    """Everything a process of Vitrine works with. `close` ends it."""

    settings: Settings
    database: SqlDatabase
    store: MilvusStore
    blobs: Blobs
    jobs: CeleryJobs
    encoders: Encoders
    reception: Reception
    searcher: Searcher
    cached: CachedSearch
    breaker: SearchBreaker
    explainer: Explainer
    embedder: Embedder
    stages: dict[Stage, tuple[Batching, Begin]]
    builder: BuildWorker
    switch: Switch
    aliases: Aliases
    turns: Turns
    searches: SearchesFirst
    closing: ExitStack
    worker: EmbeddedWorker | None = None
    """The one of this process, where it has one."""

    @property
    def encoder(self) -> Encoder:
        """The encoder of new catalogs. Raises `EncoderNotFound` and `EncoderRefused`."""
        return self.encoders.named(self.settings.encoder)

    @property
    def index(self) -> IndexSpec:
        """The index of new catalogs."""
        if self.settings.index:
            return IndexSpec.of(self.settings.index)
        return IndexSpec.of("HNSW") if self.settings.milvus_uri else IndexSpec.exact()

    def check_encoders(self) -> None:
        """Open the encoders that are needed: those of the live builds, and the one that was asked for by name.

        The default of the settings is needed only where there is no build yet.
        """
        with self.database.reading() as transaction:
            names = [catalog.name for catalog, _ in transaction.catalogs.all()]
            live = [build for name in names if (build := transaction.builds.live(name))]
        for build in live:
            self.encoders.of(build.encoder)
        if not live or "encoder" in self.settings.model_fields_set:
            self.encoders.named(self.settings.encoder)

    def open_catalog(self, catalog: Catalog, *, keep_caption: bool = False) -> Catalog:
        """Declare a catalog; its first build has the encoder and index of the settings. See the service."""
        return open_catalog(
            self.database,
            self.store,
            catalog,
            encoder=self.encoder.spec,
            index=self.index,
            keep_caption=keep_caption,
        )

    def start_build(
        self,
        catalog: str,
        *,
        encoder: str | None,
        index: str | None,
        params: Mapping[str, int],
        rate: float | None,
        dry_run: bool = False,
    ) -> Build:
        """Start a build; see the service and `Encoders.stated`."""
        spec = None if encoder is None else self.encoders.stated(encoder).spec
        return start_build(
            self.database,
            self.store,
            self.jobs,
            catalog,
            encoder=spec,
            index=index,
            params=params,
            rate=rate,
            dry_run=dry_run,
        )

    def run(self, stage: Stage, *, stopping: Callable[[], bool] = lambda: False) -> int:
        """Work until nothing waits for this stage; returns how many uploads moved on."""
        batching, begin = self.stages[stage]
        return self.turns.take(
            stage,
            lambda: run_stage(stage, self.database, self.jobs, batching=batching, begin=begin, stopping=stopping),
        )

    def build(self, stage: Stage, *, stopping: Callable[[], bool]) -> None:
        """Do the steps of builds that are due for the workers of a stage, one caller at a time; see the service."""

        def uploads(enough: Callable[[], bool]) -> int:
            return self.run(stage, stopping=enough)

        def work() -> int:
            pause = UploadsFirst(self.turns, stage, uploads, stopping, self.searches.worked_s)
            work_on_builds(stage, self.database, self.jobs, self.builder, pause=pause)
            return 0

        self.turns.take(("build", stage), work)

    def sweep(self) -> None:
        """Wake every stage that has something due, let aliases follow the live builds, and what came be indexed.

        Rows are counted first: how the rest is looked up depends on it.
        """
        self.database.count_rows()
        self.builder.reconciler.schedule()
        sweep(self.database, self.jobs)
        self.aliases.follow()
        seal_imports(self.database, self.store)

    def close(self) -> None:
        """Stop what was started and close what was opened, in the opposite order."""
        self.closing.close()
