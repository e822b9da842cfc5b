"""Builds: start one, look at it, and decide which of them answers."""

from fastapi import APIRouter
from fastapi.responses import Response

from app.api.build_documents import build_document
from app.api.dependencies import CHECKED, App, BuildId, CatalogName
from app.api.documents import answer
from app.api.openapi import problems
from app.api.schemas.builds import BuildDocument, BuildIn, BuildList, PromoteIn, StartedBuild, ThrottleIn
from app.api.schemas.tuning import TuneIn
from app.bootstrap import Application
from app.domain.builds import Build
from app.domain.tuning import Tuning
from app.services.describe_catalog import describe_build, list_builds
from app.services.start_tuning import start_tuning
from app.services.steer_build import abort, check_again, retire, throttle
from app.services.untune import untune

router = APIRouter(prefix="/v1/catalogs/{catalog}/builds", dependencies=CHECKED)


@router.get("", response_model=BuildList, responses=problems(404))
def get_builds(application: App, catalog: CatalogName, check_encoders: bool = False) -> Response:
    """The builds of a catalog, newest first; `check_encoders` looks whether their models are still there."""
    encoders = application.encoders if check_encoders else None
    found = list_builds(application.database, catalog, encoders)
    return answer(BuildList(builds=[build_document(one) for one in found]))


@router.post("", status_code=202, response_model=StartedBuild, responses=problems(404, 409))
def post_build(application: App, catalog: CatalogName, body: BuildIn) -> Response:
    """Start a build with another encoder, another index, or other parameters; the live one goes on answering."""
    build = application.start_build(
        catalog,
        encoder=body.encoder,
        index=body.index,
        params=body.params,
        rate=body.rate,
        dry_run=body.dry_run,
    )
    return answer(StartedBuild(id=build.id, state=build.state), 202)


@router.get("/{build}", response_model=BuildDocument, responses=problems(404))
def get_build(application: App, catalog: CatalogName, build: BuildId) -> Response:
    """A build, how far it is, what its check found, and what happened to it."""
    return answer(build_document(describe_build(application.database, catalog, build)))


@router.post("/{build}:promote", response_model=BuildDocument, responses=problems(404, 409))
def promote_build(application: App, catalog: CatalogName, build: BuildId, body: PromoteIn | None = None) -> Response:
    """Make a build the live one, once every API process has loaded its encoder."""
    stated = body or PromoteIn()
    return _told(application, application.switch.promote(catalog, build, force=stated.force, reason=stated.reason))


@router.post("/{build}:rollback", response_model=BuildDocument, responses=problems(404, 409))
def rollback_build(application: App, catalog: CatalogName, build: BuildId) -> Response:
    """Go back from the live build to the one that was live before, which is the answer."""
    return _told(application, application.switch.rollback(catalog, build))


@router.post("/{build}:abort", response_model=BuildDocument, responses=problems(404, 409))
def abort_build(application: App, catalog: CatalogName, build: BuildId) -> Response:
    """End a build that was never live."""
    return _told(application, abort(application.database, catalog, build))


@router.post("/{build}:retire", response_model=BuildDocument, responses=problems(404, 409))
def retire_build(application: App, catalog: CatalogName, build: BuildId) -> Response:
    """Let go of a build that was live: there is no rolling back to it any more."""
    return _told(application, retire(application.database, catalog, build))


@router.post("/{build}:throttle", response_model=BuildDocument, responses=problems(404, 409))
def throttle_build(application: App, catalog: CatalogName, build: BuildId, body: ThrottleIn) -> Response:
    """Bound how many products a second a build is filled with, while it is."""
    return _told(application, throttle(application.database, application.jobs, catalog, build, rate=body.rate))


@router.post("/{build}:check", status_code=202, response_model=BuildDocument, responses=problems(404, 409))
def check_build(application: App, catalog: CatalogName, build: BuildId) -> Response:
    """Check a build that is ready once more: its report is replaced, and an event `checked` says when."""
    checked = check_again(application.database, application.jobs, catalog, build)
    return answer(build_document(describe_build(application.database, catalog, checked.id)), 202)


@router.post("/{build}:tune", status_code=202, response_model=StartedBuild, responses=problems(404, 409))
def tune_build(application: App, catalog: CatalogName, build: BuildId, body: TuneIn | None = None) -> Response:
    """Find the cheapest search parameters that reach a recall, and take them; workers do, and the build tells it.

    A dry run, and one that compares index types, takes nothing: an event `measured` tells what was found.
    """
    stated = body or TuneIn()
    tuning = Tuning.asked(stated.recall, list(dict.fromkeys(stated.compare)), dry_run=stated.dry_run)
    asked = start_tuning(application.database, application.jobs, catalog, build, tuning)
    return answer(StartedBuild(id=asked.id, state=asked.state), 202)


@router.post("/{build}:untune", response_model=BuildDocument, responses=problems(404, 409))
def untune_build(application: App, catalog: CatalogName, build: BuildId) -> Response:
    """Let searches of a build take the parameters it was made with; an event `untuned` tells what that changed."""
    return _told(application, untune(application.database, catalog, build))


def _told(application: Application, build: Build) -> Response:
    return answer(build_document(describe_build(application.database, build.catalog, build.id)))
