"""Picks what the work of builds needs, and gives it to the services."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from datetime import timedelta

from app.adapters.celery.stopping import stopped
from app.adapters.milvus.store import MilvusStore
from app.adapters.postgres.database import SqlDatabase
from app.config import Settings
from app.services.build_worker import BuildWorker
from app.services.check_build import Checker
from app.services.content_encoder import ContentEncoder
from app.services.encode_page import PageEncoder
from app.services.encode_words import WordEncoder
from app.services.estimate_build import Estimator
from app.services.fill_build import Filler
from app.services.find_drift import DriftFinder
from app.services.gate import Budgets, Gate
from app.services.open_build import Opener
from app.services.reconcile import AT_ONCE, Reconciler
from app.services.replay_queries import Replayer
from app.services.search_legs import Legs
from app.services.searches_first import SearchesFirst
from app.services.tune import Tuner

Pool = Callable[[str, int], Executor]

BUILD_LANES = 3  # pages of a build at once: with fewer Milvus's clock is waited for, more gain nothing on two cores
RECONCILE_THREADS = 3  # ask the store while others wait for its clock; not those of builds, which may wait for them


def build_worker(
    settings: Settings,
    database: SqlDatabase,
    store: MilvusStore,
    contents: ContentEncoder,
    legs: Legs,
    searches: SearchesFirst,
    pool: Pool,
) -> BuildWorker:
    """Wire the work of builds; `pool` makes a pool of so many threads by its name."""
    lease, page = timedelta(seconds=settings.lease_s), settings.build_page
    lanes = BUILD_LANES if settings.milvus_uri.startswith("http") else 1  # milvus-lite has one writer
    encoder = PageEncoder(database, contents, lease, settings.model_batch, searches)
    finder = DriftFinder(database, store, pool("reconcile", RECONCILE_THREADS))
    budgets = Budgets(
        settings.gate_found, settings.gate_recall, settings.gate_drop, settings.gate_slower, settings.gate_overlap
    )
    replayer = Replayer(database, legs)
    gate = Gate(database, store, replace(finder, searches=False), replayer, budgets)
    every = timedelta(seconds=settings.reconcile_every_s) or None
    return BuildWorker(
        database,
        Opener(database, store, lease, page),
        Filler(database, store, lease, page),
        Estimator(database, store, encoder, lease, page, lanes, together=settings.embedded),
        encoder,
        Checker(database, store, gate, lease, searches, stopped),
        WordEncoder(database, replayer, contents, lease, settings.model_batch, searches),
        Reconciler(database, finder, pool("pages", AT_ONCE), lease, every),
        Tuner(database, store, lease, searches, stopped),
        lease,
        pool("build", BUILD_LANES),
        lanes,
    )
