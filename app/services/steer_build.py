"""What an operator does to a build besides switching to it: end it, let go of it, slow it down, check it again."""

from app.domain.build_steps import NewStep, StepKind
from app.domain.builds import UNFINISHED, Build, BuildState
from app.domain.errors import Conflict
from app.domain.uploads import Stage
from app.ports.database import Database
from app.ports.jobs import Jobs
from app.services.end_build import end_build
from app.services.switch_build import shown_state, the_build
from app.services.waking import wake_builders


def abort(database: Database, catalog: str, build_id: str) -> Build:
    """End a build that was never live. Raises `NotFound` (`unknown_build`) and `Conflict` (`build_state`)."""
    with database.writing() as transaction:
        transaction.builds.hold_still(catalog)
        build = the_build(transaction, catalog, build_id)
        if build.state not in UNFINISHED:
            kept = build.state is BuildState.RETIRED and build.takes_uploads
            told = "retire lets go of it" if kept else "there is nothing to abort"
            raise Conflict(f"build {build_id} is {shown_state(build)}: {told}", code="build_state")
        end_build(transaction, build, BuildState.ABORTED, "aborted")
        return the_build(transaction, catalog, build_id)


def retire(database: Database, catalog: str, build_id: str) -> Build:
    """Let go of a build that was live. Raises `NotFound` (`unknown_build`) and `Conflict` (`build_state`)."""
    with database.writing() as transaction:
        transaction.builds.hold_still(catalog)
        build = the_build(transaction, catalog, build_id)
        if build.state is not BuildState.RETIRED or not build.takes_uploads:
            raise Conflict(f"build {build_id} is {shown_state(build)}: {_why_not_let_go(build)}", code="build_state")
        end_build(transaction, build, BuildState.RETIRED, "no longer kept")
        return the_build(transaction, catalog, build_id)


def _why_not_let_go(build: Build) -> str:
    if build.state is BuildState.LIVE:
        return "promote another first"
    if build.state in UNFINISHED:
        return "abort ends it"
    return "only one that is kept can be let go of"


def throttle(database: Database, jobs: Jobs, catalog: str, build_id: str, *, rate: float | None) -> Build:
    """Bound how many products a second a build is filled with: 0 pauses, None lets it go as fast as it can.

    Raises `NotFound` (`unknown_build`) and `Conflict` (`build_state`).
    """
    with database.writing() as transaction:
        transaction.builds.hold_still(catalog)
        build = the_build(transaction, catalog, build_id)
        if build.state is not BuildState.BUILDING or build.dry_run:
            raise Conflict(f"build {build_id} is {shown_state(build)}: it is not being filled", code="build_state")
        transaction.builds.set_rate(build_id, rate)
        transaction.build_steps.charge_again(build_id)
        transaction.builds.record(build_id, "throttled", {"rate": rate})
        build = the_build(transaction, catalog, build_id)
    wake_builders(jobs, Stage.INDEX)
    return build


def check_again(database: Database, jobs: Jobs, catalog: str, build_id: str) -> Build:
    """Let workers check a build that is ready once more; it stays ready, and its report is replaced.

    Raises `NotFound` (`unknown_build`) and `Conflict` (`build_state`, `being_checked`).
    """
    with database.writing() as transaction:
        transaction.builds.hold_still(catalog)
        build = the_build(transaction, catalog, build_id)
        if build.state is not BuildState.READY:
            raise Conflict(
                f"build {build_id} is {shown_state(build)}: only a ready one is checked again", code="build_state"
            )
        if build_id not in {one.id for one in transaction.build_steps.lacking(StepKind.CHECK)}:
            raise Conflict(f"build {build_id} is being checked", code="being_checked")
        transaction.build_steps.add(build_id, [NewStep(StepKind.CHECK)])
    wake_builders(jobs, Stage.INDEX)
    return build
