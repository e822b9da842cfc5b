"""The one place that picks adapters: settings in, an application out."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from app.adapters.blobs.folder import FolderBlobs
from app.adapters.celery.jobs import CeleryJobs, VitrineCelery, make_celery
from app.adapters.celery.worker import EmbeddedWorker
from app.adapters.data_directory import DataDirectory
from app.adapters.images.checker import PillowPictureChecker
from app.adapters.images.fetch import HttpPictureFetcher
from app.adapters.milvus.store import MilvusStore
from app.adapters.postgres.database import SqlDatabase
from app.config import Settings
from app.domain.builds import IndexSpec
from app.domain.products import Catalog
from app.domain.uploads import Stage
from app.domain.urls import UrlPolicy
from app.ports.blobs import Blobs
from app.ports.encoders import Encoder, EncoderLoader
from app.ports.fetching import PictureFetcher
from app.services.accept_upload import Reception
from app.services.encode import EncodeStage
from app.services.encoders import Encoders
from app.services.index import IndexStage
from app.services.intake import intake
from app.services.open_catalog import open_catalog
from app.services.query_vectors import QueryEncoder
from app.services.run_stage import Batching, Begin, run_stage
from app.services.search import Searcher
from app.services.sweep import sweep
from app.services.turns import Turns
from migrations.upgrade import upgrade

CORES = os.cpu_count() or 1
LEG_THREADS = 32  # legs of the queries that run at a time; they wait for Milvus and not for a core


@dataclass(frozen=True)
class Application:
    """Everything a process of Vitrine works with. `close` ends it."""

    settings: Settings
    database: SqlDatabase
    store: MilvusStore
    blobs: Blobs
    jobs: CeleryJobs
    encoders: Encoders
    fetcher: PictureFetcher
    reception: Reception
    searcher: Searcher
    stages: dict[Stage, tuple[Batching, Begin]]
    turns: Turns
    closing: ExitStack

    @property
    def encoder(self) -> Encoder:
        """The encoder of new catalogs. Raises `EncoderNotFound` and `EncoderRefused`."""
        return self.encoders.named(self.settings.encoder)

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

    def open_catalog(self, catalog: Catalog) -> Catalog:
        """Declare a catalog; its first build has the encoder and index of the settings."""
        return open_catalog(
            self.database, self.store, catalog, encoder=self.encoder.spec, index=_index(self.settings)
        )

    def run(self, stage: Stage, *, stopping: Callable[[], bool] = lambda: False) -> int:
        """Work until nothing waits for this stage; returns how many uploads moved on."""
        batching, begin = self.stages[stage]
        return self.turns.take(
            stage,
            lambda: run_stage(stage, self.database, self.jobs, batching=batching, begin=begin, stopping=stopping),
        )

    def sweep(self) -> None:
        """Wake every stage that has something due."""
        sweep(self.database, self.jobs)

    def close(self) -> None:
        """Stop what was started and close what was opened, in the opposite order."""
        self.closing.close()


class _LateEncoderLoader:
    """Imports torch and transformers when the first encoder is opened: most workers never need them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def load(self, name: str) -> Encoder:
        from app.adapters.encoders.loader import HuggingFaceLoader  # noqa: PLC0415 - see the class

        return HuggingFaceLoader(device=self._settings.device, threads=self._settings.threads).load(name)


def open_application(
    settings: Settings,
    *,
    celery: VitrineCelery | None = None,
    loader: EncoderLoader | None = None,
    closing: ExitStack | None = None,
) -> Application:
    """Wire one process to its outside things. Connects to them when they are first used.

    `closing` holds what has to outlast the application, and is closed with it.
    """
    closing = closing or ExitStack()
    pools = {
        name: closing.enter_context(ThreadPoolExecutor(threads, thread_name_prefix=f"vitrine-{name}"))
        for name, threads in {
            "check": CORES,
            "fetch": settings.fetch_threads,
            "decode": settings.decode_threads,
            "legs": LEG_THREADS,
        }.items()
    }
    database = SqlDatabase(settings.sql_url)
    closing.callback(database.close)
    store = MilvusStore(settings.vector_uri, token=settings.milvus_token)
    closing.callback(store.close)
    blobs = _blobs(settings.pictures_url)
    jobs = CeleryJobs(celery or make_celery(settings.broker_url))
    encoders = Encoders(loader or _LateEncoderLoader(settings), configured=settings.encoder)
    checker = PillowPictureChecker(at_once=CORES)
    urls = UrlPolicy(allow_private=settings.allow_private_urls, ports=settings.url_ports)
    fetcher = HttpPictureFetcher(urls)
    closing.callback(fetcher.close)
    encode = EncodeStage(database, blobs, encoders, pools["decode"], settings.model_batch)
    begins: dict[Stage, tuple[int, Begin]] = {
        Stage.INTAKE: (settings.intake_batch, intake(fetcher, checker, blobs, pools["fetch"])),
        Stage.ENCODE: (settings.encode_batch, encode.begin),
        Stage.INDEX: (settings.index_batch, IndexStage(database, store).begin),
    }
    lease = timedelta(seconds=settings.lease_s)
    return Application(
        settings=settings,
        database=database,
        store=store,
        blobs=blobs,
        jobs=jobs,
        encoders=encoders,
        fetcher=fetcher,
        reception=Reception(database, checker, urls, blobs, jobs, pools["check"], CORES),
        searcher=Searcher(database, store, QueryEncoder(database, encoders, checker), pools["legs"]),
        stages={stage: (Batching(limit, lease), begin) for stage, (limit, begin) in begins.items()},
        turns=Turns(),
        closing=closing,
    )


def open_service(settings: Settings, *, loader: EncoderLoader | None = None) -> Application:
    """What `vitrine serve` opens: the application, and embedded its data directory, tables and worker too."""
    if not settings.embedded:
        return open_application(settings, loader=loader)
    with ExitStack() as failing:
        directory = DataDirectory(settings.data)
        failing.callback(directory.close)
        celery = make_celery(settings.broker_url)
        application = open_application(settings, celery=celery, loader=loader, closing=failing)
        upgrade(application.database.engine)
        with application.database.writing() as transaction:
            if not settings.database_url:  # the database lies in the directory, which this process alone has
                transaction.uploads.forget_leases()
        celery.application = application
        worker = EmbeddedWorker(celery)
        worker.start()
        failing.callback(worker.stop)
        application.sweep()  # go on where the last start stopped
        return replace(application, closing=failing.pop_all())


def _index(settings: Settings) -> IndexSpec:
    if settings.index:
        return IndexSpec.of(settings.index)
    return IndexSpec.of("HNSW") if settings.milvus_uri else IndexSpec.exact()


def _blobs(url: str) -> Blobs:
    if "://" not in url:
        return FolderBlobs(Path(url))
    from app.adapters.blobs.s3 import S3Blobs  # noqa: PLC0415 - boto3 is an extra: only those who use it have it

    parsed = urlsplit(url)
    return S3Blobs(parsed.netloc, prefix=parsed.path)
