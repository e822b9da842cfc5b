"""Going back on a tuning: searches of a build take the parameters that it was made with."""

from dataclasses import replace

from app.domain.build_steps import StepKind
from app.domain.builds import Build
from app.domain.errors import Conflict
from app.domain.tuning import UNTUNED
from app.domain.tuning_changes import changes
from app.ports.database import Database
from app.services.search_legs import ROWS_PER_CANDIDATE
from app.services.switch_build import shown_state, the_build


def untune(database: Database, catalog: str, build_id: str) -> Build:
    """Drop what tuning found of a build, and return it as it is then; where nothing was found nothing is done.

    Raises `NotFound` (`unknown_catalog`, `unknown_build`) and `Conflict` (`being_tuned`, `build_state`).
    """
    with database.writing() as transaction:
        transaction.builds.hold_still(catalog)
        build = the_build(transaction, catalog, build_id)
        if transaction.build_steps.told(build_id, StepKind.TUNE) is not None:
            raise Conflict(
                f"build {build_id} is being tuned: wait until that has ended, and put it back then",
                code="being_tuned",
                field="build",
            )
        if not build.index.bands:
            return build
        if not build.takes_uploads:
            raise Conflict(
                f"build {build_id} is {shown_state(build)}: no search uses it any more",
                code="build_state",
                field="build",
            )
        made = replace(build.index, bands=())
        changed = changes(build.index, made, over_fetch=ROWS_PER_CANDIDATE)
        transaction.builds.set_tuned(build_id, made, None)
        transaction.builds.record(build_id, UNTUNED, {"changes": changed})
        return the_build(transaction, catalog, build_id)
