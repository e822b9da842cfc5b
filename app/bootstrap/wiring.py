"""Picks the adapters that the settings ask for, and gives them to the services."""

import contextlib
import os
import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from app.adapters.blobs.folder import FolderBlobs
from app.adapters.celery.jobs import CeleryJobs, VitrineCelery, make_celery
from app.adapters.images.checker import PillowPictureChecker
from app.adapters.images.fetch import HttpPictureFetcher
from app.adapters.memory_cache import MemoryCache
from app.adapters.milvus.store import MilvusStore
from app.adapters.postgres.database import SqlDatabase
from app.adapters.redis_cache import RedisCache
from app.bootstrap.application import Application
from app.bootstrap.building import build_worker
from app.config import Settings
from app.domain.embeddings import EncoderSpec
from app.domain.errors import Misconfigured
from app.domain.uploads import Stage
from app.domain.urls import UrlPolicy
from app.ports.blobs import Blobs
from app.ports.cache import Cache
from app.ports.encoders import Encoder, EncoderLoader
from app.services.accept_upload import Reception
from app.services.batched_search import BatchedSearch
from app.services.cached_search import CachedSearch
from app.services.catalog_columns import CatalogColumns
from app.services.catalog_now import CatalogReader
from app.services.content_encoder import ContentEncoder
from app.services.embed import MAX_URLS, Embedder
from app.services.encode import EncodeStage
from app.services.encoders import Encoders
from app.services.explain_product import Explainer
from app.services.follow_live import Aliases
from app.services.index import IndexStage
from app.services.intake import intake
from app.services.near_cache import NearCache
from app.services.query_vectors import QueryEncoder
from app.services.record_queries import QueryRecorder
from app.services.run_stage import Batching, Begin
from app.services.seal_cursors import Cursors
from app.services.search import Searcher
from app.services.search_breaker import SearchBreaker
from app.services.search_legs import Legs
from app.services.searches_first import SearchesFirst
from app.services.switch_build import Switch
from app.services.turns import Turns
from app.services.watch_recall import RecallWatch

CORES = os.cpu_count() or 1
EMBED_THREADS = 2 * MAX_URLS  # fetch for two whole requests at a time, and never behind the pictures of uploads
LEG_THREADS = 32  # legs of the queries that run at a time; they wait for Milvus and not for a core


class _LateEncoderLoader:
    """Imports torch and transformers when the first encoder is opened: most workers never need them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._loader: EncoderLoader | None = None

    def load(self, name: str) -> Encoder:
        return self._imported().load(name)

    def look(self, name: str) -> EncoderSpec:
        return self._imported().look(name)

    def _imported(self) -> EncoderLoader:
        from app.adapters.encoders.loader import HuggingFaceLoader  # noqa: PLC0415 - see the class

        with self._lock:  # one for all encoders: it owns the threads that they compute in
            if self._loader is None:
                self._loader = HuggingFaceLoader(device=self._settings.device, threads=self._settings.threads)
            return self._loader


def open_application(
    settings: Settings,
    *,
    celery: VitrineCelery | None = None,
    loader: EncoderLoader | None = None,
    closing: ExitStack | None = None,
) -> Application:
    """Wire one process to its outside things. Connects to them when they are first used.

    `closing` holds what has to outlast the application, and is closed with it. Raises `Misconfigured`.
    """
    if not (settings.embedded or settings.database_url):
        raise Misconfigured(
            "VITRINE_BROKER_URL puts the work into other processes, and a SQLite file is for one alone: set "
            "VITRINE_DATABASE_URL to a Postgres that all of them reach",
            code="bad_setting",
            field="database_url",
        )
    closing = closing or ExitStack()
    urls = UrlPolicy(allow_private=settings.allow_private_urls, ports=settings.url_ports)
    database = closing.enter_context(contextlib.closing(SqlDatabase(settings.sql_url)))
    store = closing.enter_context(contextlib.closing(MilvusStore(settings.vector_uri, token=settings.milvus_token)))
    fetcher = closing.enter_context(contextlib.closing(HttpPictureFetcher(urls)))
    blobs = _blobs(settings.pictures_url)
    jobs = CeleryJobs(celery or make_celery(settings.broker_url))
    encoders = Encoders(loader or _LateEncoderLoader(settings), configured=settings.encoder)
    checker = PillowPictureChecker(at_once=CORES)
    pool = partial(_pool, closing)
    contents = ContentEncoder(
        database, blobs, encoders, pool("decode", settings.decode_threads), settings.model_batch
    )
    encode = EncodeStage(database, contents)
    begin_intake = intake(fetcher, checker, blobs, pool("fetch", settings.fetch_threads))
    query_encoder = QueryEncoder(database, encoders, checker, fetcher)
    legs, searches = Legs(database, store, pool("legs", LEG_THREADS)), SearchesFirst()
    breaker = SearchBreaker(store, fair_s=settings.search_budget_s / 2)  # a leg may have waited for a thread
    columns = CatalogColumns()
    searcher = Searcher(
        database,
        query_encoder,
        replace(legs, store=BatchedSearch(breaker), enter=breaker.enter),
        CatalogReader(database, columns),
        QueryRecorder(database, settings.recorded_queries),
        searches,
        Cursors(database),
        RecallWatch(database, legs, columns, searches),
        settings.search_budget_s,
    )
    embed_pool = pool("embed", EMBED_THREADS)
    return Application(
        settings=settings,
        database=database,
        store=store,
        blobs=blobs,
        jobs=jobs,
        encoders=encoders,
        reception=Reception(database, checker, urls, blobs, jobs, pool("check", CORES), CORES),
        searcher=searcher,
        cached=CachedSearch(searcher, _cache(settings, closing)),
        explainer=Explainer(searcher),
        breaker=breaker,
        embedder=Embedder(database, encoders, checker, fetcher, embed_pool, settings.encoder, settings.model_batch),
        stages=_stages(settings, begin_intake, encode.begin, IndexStage(database, store).begin),
        builder=build_worker(settings, database, store, contents, legs, searches, pool),
        switch=Switch(database, store, encoders, settings.promote_patience_s, settings.retired_builds),
        aliases=Aliases(database, store),
        turns=Turns(),
        searches=searches,
        closing=closing,
    )


def _stages(settings: Settings, intake: Begin, encode: Begin, index: Begin) -> dict[Stage, tuple[Batching, Begin]]:
    lease = timedelta(seconds=settings.lease_s)
    return {
        Stage.INTAKE: (Batching(settings.intake_batch, lease), intake),
        Stage.ENCODE: (Batching(settings.encode_batch, lease), encode),
        Stage.INDEX: (Batching(settings.index_batch, lease), index),
    }


def _pool(closing: ExitStack, name: str, threads: int) -> Executor:
    return closing.enter_context(ThreadPoolExecutor(threads, thread_name_prefix=f"vitrine-{name}"))


def _cache(settings: Settings, closing: ExitStack) -> Cache:
    near = MemoryCache(settings.cache_mb * 1024 * 1024)
    if not settings.cache_url:
        return near
    return NearCache(near, closing.enter_context(contextlib.closing(RedisCache(settings.cache_url))))


def _blobs(url: str) -> Blobs:
    if "://" not in url:
        return FolderBlobs(Path(url))
    try:
        from app.adapters.blobs.s3 import S3Blobs  # noqa: PLC0415 - boto3 is an extra: only those who use it have it
    except ImportError as error:
        raise Misconfigured("pictures in S3 need boto3: pip install 'vitrine[s3]'", code="bad_setting") from error

    parsed = urlsplit(url)
    return S3Blobs(parsed.netloc, prefix=parsed.path)
