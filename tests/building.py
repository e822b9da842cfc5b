"""A pipeline with builds: steps are done when they are told to."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import text

from app.domain.build_steps import BUILDING
from app.domain.builds import Build, BuildState
from app.domain.embeddings import EncoderSpec
from app.domain.estimates import ESTIMATED
from app.domain.uploads import Stage
from app.services.build_worker import BuildWorker
from app.services.check_build import Checker
from app.services.encode_page import PageEncoder
from app.services.encode_words import WordEncoder
from app.services.estimate_build import Estimator
from app.services.fill_build import Filler
from app.services.find_drift import DriftFinder
from app.services.gate import Budgets, Gate
from app.services.open_build import Opener
from app.services.reconcile import Reconciler
from app.services.replay_queries import Replayer
from app.services.search_legs import Legs
from app.services.start_build import start_build
from app.services.switch_build import Switch
from app.services.tune import Tuner
from tests.fakes.encoders import FakeEncoder
from tests.pipelines import Pipeline

LEASE = timedelta(minutes=1)


def go_on() -> bool:
    """A pause that asks for nothing."""
    return False


class Shop:
    """A pipeline, its builds, and another encoder that they may change to."""

    def __init__(self, pipeline: Pipeline, *, page: int = 2) -> None:
        self.pipeline = pipeline
        self.other = FakeEncoder("other", weights="1")
        pipeline.loader.know(self.other)
        database, store = pipeline.database, pipeline.store
        finder = DriftFinder(database, store, pipeline.pool)
        self.reconciler = Reconciler(database, finder, pipeline.pages, LEASE, timedelta(hours=1))
        legs = Legs(pipeline.database, store, pipeline.pool)
        replayer = Replayer(database, legs)
        gate = Gate(database, store, replace(finder, searches=False), replayer, Budgets())
        searches = pipeline.searches
        encoder = PageEncoder(database, pipeline.contents, LEASE, 2, searches)
        self.worker = BuildWorker(
            database,
            Opener(database, store, LEASE, page),
            Filler(database, store, LEASE, page),
            Estimator(database, store, encoder, LEASE, page, 1, together=True),
            encoder,
            Checker(database, store, gate, LEASE, searches),
            WordEncoder(database, replayer, pipeline.contents, LEASE, 2, searches),
            self.reconciler,
            Tuner(database, store, LEASE, searches),
            LEASE,
            pipeline.pool,
            lanes=1,
        )
        self.switch = Switch(database, store, pipeline.encoders, patience_s=0.3, kept=1)

    def start(self, *, other: bool = True, rate: float | None = None) -> Build:
        """Start a build; its next step is to open it."""
        return self.start_with(self.other.spec if other else None, rate=rate)

    def start_with(self, encoder: EncoderSpec | None, *, rate: float | None = None) -> Build:
        build = self.begin(encoder, rate=rate)
        while ESTIMATED not in self.events(build) and any(self.step(stage) for stage in BUILDING):
            pass
        return build

    def begin(self, encoder: EncoderSpec | None = None, *, rate: float | None = None, dry_run: bool = False) -> Build:
        """Start a build; its next step is to estimate it."""
        pipeline = self.pipeline
        return start_build(
            pipeline.database,
            pipeline.store,
            pipeline.jobs,
            "shop",
            encoder=encoder,
            index=None,
            params={},
            rate=rate,
            dry_run=dry_run,
        )

    def step(self, stage: Stage = Stage.INDEX, pause: Callable[[], bool] = go_on) -> bool:
        return self.worker.step(stage, pause)

    def work(self) -> None:
        """Do every step that is due."""
        while any(self.step(stage) for stage in BUILDING):
            pass

    def wait(self) -> None:
        """Let the delays and leases of everything end."""
        self.pipeline.wait()
        with self.pipeline.database.engine.execution_options(vitrine_writes=True).begin() as connection:
            connection.execute(text("UPDATE build_steps SET due_at = '2026-01-01 00:00:00'"))

    def wait_for(self, there: Callable[[], bool], seconds: float = 30) -> None:
        """Return once it is there."""
        until = time.monotonic() + seconds
        while not there():
            assert time.monotonic() < until
            time.sleep(0.02)

    def build(self, build: Build) -> Build:
        with self.pipeline.database.reading() as transaction:
            found = transaction.builds.get(build.id)
        assert found is not None
        return found

    def state(self, build: Build) -> BuildState:
        return self.build(build).state

    def passed(self, build: Build) -> bool:
        return bool((self.build(build).report or {}).get("passed"))

    def events(self, build: Build) -> list[str]:
        with self.pipeline.database.reading() as transaction:
            return [event.what for event in transaction.builds.events(build.id)]

    def rows(self, build: Build) -> dict[str, int]:
        """The version of every row that a build has."""
        found: dict[str, int] = {}
        for collection in (build.images, build.texts):
            found |= self.pipeline.store.all_versions(collection)
        return found
