"""Starting a build: a row and its first step; workers do the rest, and live goes on."""

from collections.abc import Mapping
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

    Raises `NotFound` (`unknown_catalog`), `Invalid` (`index_type`, `index_param`), and `Conflict`: one build of a
    catalog is unfinished at most (`build_unfinished`), and beside it one dry run (`dry_run_unfinished`). A dry run
    takes the place of those before it that have left nothing to be done.
    """
    with database.writing() as transaction:
        transaction.builds.hold_still(catalog)
        live = transaction.builds.live(catalog)
        if live is None:
            raise unknown_catalog(catalog)
        _check_alone(transaction, catalog, dry_run)
        spec, asked, now = encoder or live.encoder, _index(live, index, params), transaction.now
        build = Build(uuid4().hex, catalog, BuildState.BUILDING, spec, asked, now, rate=rate, dry_run=dry_run)
        store.check(build.index, dimension=build.encoder.dimension)
        if dry_run:
            transaction.builds.forget_dry_runs(catalog)
        transaction.builds.add(build)
        transaction.build_steps.add(build.id, [NewStep(StepKind.DRY_RUN if dry_run else StepKind.ESTIMATE)])
        told = {"encoder": build.encoder.shown_name, "index": build.index.type, **build.index.build_params}
        transaction.builds.record(build.id, "started", told)
    wake_builders(jobs, Stage.INDEX)
    return build


def _check_alone(transaction: Transaction, catalog: str, dry_run: bool) -> None:
    for one in transaction.builds.all(catalog):
        if one.state not in UNFINISHED or one.dry_run is not dry_run:
            continue
        if dry_run:
            why = "a dry run that is under way: wait for its estimate, or abort it first"
            raise Conflict(f"build {one.id} is {why}", code="dry_run_unfinished", field="build")
        go_on = "promote it" if one.state is BuildState.READY else "promote it once it is ready"
        raise Conflict(
            f"build {one.id} is {one.state}: {go_on}, or abort it first",
            code="build_unfinished",
            field="build",
        )


def _index(live: Build, index: str | None, params: Mapping[str, int]) -> IndexSpec:
    """The live one with `params` in place of some of its own; other lists are searched as is usual for them."""
    named = live.index.type if index is None else index.upper()
    if named != live.index.type:
        return IndexSpec.of(named, params)
    searched = {} if "nlist" in params else live.index.search_params
    return IndexSpec.of(live.index.type, {**live.index.build_params, **searched, **params})
