"""Asking for a build to be tuned: a step, which workers do."""

from app.domain.build_steps import NewStep, StepKind
from app.domain.builds import Build, BuildState, IndexSpec
from app.domain.errors import Conflict, Invalid
from app.domain.tuning import TUNING, Tuning
from app.domain.uploads import Stage
from app.ports.database import Database
from app.ports.jobs import Jobs
from app.services.switch_build import the_build
from app.services.waking import wake_builders


def start_tuning(database: Database, jobs: Jobs, catalog: str, build_id: str, tuning: Tuning) -> Build:
    """Have a build tuned that is filled and takes uploads; its events tell when it is.

    Raises `NotFound` (`unknown_catalog`, `unknown_build`), `Invalid` (`index_type`) for a type that is to be compared
    and that nobody knows, and `Conflict` (`build_state`, `being_tuned`).
    """
    for name in tuning.compare:
        try:
            IndexSpec.of(name)
        except Invalid as error:
            raise Invalid(error.detail, code=error.code, field="compare") from error
    with database.writing() as transaction:
        transaction.builds.hold_still(catalog)
        build = the_build(transaction, catalog, build_id)
        if build.state is BuildState.BUILDING or not build.takes_uploads:
            raise Conflict(
                f"build {build_id} is {build.state}: tune one that is ready, live, or kept to go back to",
                code="build_state",
                field="build",
            )
        if transaction.build_steps.told(build_id, StepKind.TUNE) is not None:
            raise Conflict(f"build {build_id} is being tuned already", code="being_tuned", field="build")
        asked = {"recall": tuning.recall, "compare": list(tuning.compare), "dry_run": tuning.dry_run}
        transaction.build_steps.add(build_id, [NewStep(StepKind.TUNE, told=tuning.told)])
        transaction.builds.record(build_id, TUNING, asked)
    wake_builders(jobs, Stage.INDEX)
    return build
