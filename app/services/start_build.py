"""Starting a build: a row and its first step; workers do the rest, and live goes on."""

from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

from app.domain.build_steps import NewStep, StepKind
from app.domain.builds import UNFINISHED, Build, BuildState, IndexSpec
from app.domain.embeddings import EncoderSpec
from app.domain.errors import Conflict
from app.domain.products import unknown_catalog
from app.domain.uploads import Stage
from app.ports.database import Database, Transaction
from app.ports.jobs import Jobs
from app.ports.vectors import VectorStore
from app.services.waking import wake_builders


def start_build(
    database: Database,
    store: VectorStore,
    jobs: Jobs,
    catalog: str,
    *,
    encoder: EncoderSpec | None,
    index: str | None,
    params: Mapping[str, int],
    rate: float | None = None,
    dry_run: bool = False,
) -> Build:
    """Start a build; what is not given is as in the live one. `dry_run` only estimates what it would take.

    Raises `NotFound` (`unknown_catalog`), `Invalid` (`index_type`, `index_param`), and `Conflict`
    (`build_unfinished`) where the catalog has an unfinished one.
    """
    with database.writing() as transaction:
        transaction.builds.hold_still(catalog)
        live = transaction.builds.live(catalog)
        if live is None:
            raise unknown_catalog(catalog)
        _check_alone(transaction, catalog)
        build = _build(live, encoder, _index(live, index, params), rate, transaction.now)
        store.check(build.index, dimension=build.encoder.dimension)
        transaction.builds.add(build)
        transaction.build_steps.add(build.id, [NewStep(StepKind.DRY_RUN if dry_run else StepKind.ESTIMATE)])
        told = {"encoder": build.encoder.shown_name, "index": build.index.type, **build.index.build_params}
        transaction.builds.record(build.id, "started", told)
    wake_builders(jobs, Stage.INDEX)
    return build


def _check_alone(transaction: Transaction, catalog: str) -> None:
    for one in transaction.builds.all(catalog):
        if one.state in UNFINISHED:
            raise Conflict(
                f"build {one.id} is {one.state}: abort it first, or promote it once it is ready",
                code="build_unfinished",
                field="build",
            )


def _index(live: Build, index: str | None, params: Mapping[str, int]) -> IndexSpec:
    """The live one with `params` in place of some of its own; other lists are searched as is usual for them."""
    if index is not None and index != live.index.type:
        return IndexSpec.of(index, params)
    searched = {} if "nlist" in params else live.index.search_params
    return IndexSpec.of(live.index.type, {**live.index.build_params, **searched, **params})


def _build(live: Build, encoder: EncoderSpec | None, index: IndexSpec, rate: float | None, now: datetime) -> Build:
    return Build(uuid4().hex, live.catalog, BuildState.BUILDING, encoder or live.encoder, index, now, rate=rate)
