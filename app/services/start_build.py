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

    Raises `NotFound` (`unknown_catalog`), `Invalid` (`index_type`, `index_param`), and `Conflict`
    (`build_unfinished`) where the catalog has an unfinished one, beside which a dry run may be made.
    """
    with database.writing() as transaction:
        transaction.builds.hold_still(catalog)
        live = transaction.builds.live(catalog)
        if live is None:
            raise unknown_catalog(catalog)
        if not dry_run:
            _check_alone(transaction, catalog)
        spec, asked, now = encoder or live.encoder, _index(live, index, params), transaction.now
        build = Build(uuid4().hex, catalog, BuildState.BUILDING, spec, asked, now, rate=rate, dry_run=dry_run)
        store.check(build.index, dimension=build.encoder.dimension)
        transaction.builds.add(build)
        transaction.build_steps.add(build.id, [NewStep(StepKind.ESTIMATE)])
        told = {"encoder": build.encoder.shown_name, "index": build.index.type, **build.index.build_params}
        transaction.builds.record(build.id, "started", told)
    wake_builders(jobs, Stage.INDEX)
    return build


def _check_alone(transaction: Transaction, catalog: str) -> None:
    for one in transaction.builds.all(catalog):
        if one.state in UNFINISHED and not one.dry_run:
            raise Conflict(
                f"build {one.id} is {one.state}: promote it once it is ready, or abort it first",
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
