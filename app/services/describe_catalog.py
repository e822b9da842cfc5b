"""What there is to tell of catalogs: how many products, what became of their uploads, and what their builds hold."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.domain.build_steps import BuildEvent, Progress, StepKind
from app.domain.builds import UNFINISHED, Build, BuildState
from app.domain.errors import EncoderError
from app.domain.products import Catalog, unknown_catalog
from app.domain.uploads import UploadState
from app.ports.database import Database, Transaction
from app.ports.uploads import Failure
from app.services.encoders import Encoders
from app.services.switch_build import the_build

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeldBuild:
    """A build and how many products it holds, of how many there are.

    `progress` is told of one that is being filled, `waiting` (why a step is tried again that nobody works on) and
    `tuning` (what its step of that kind tells, and why it is tried again) where there is such a step, `events` where
    one build is asked for, `fault` (why its encoder could not be opened anew) and `to_fetch` (its encoder is one of
    the hub that whoever opens it here fetches first) where that is asked for.
    """

    build: Build
    indexed: int
    products: int
    progress: Progress | None = None
    waiting: Failure | None = None
    tuning: tuple[Mapping[str, Any], Failure | None] | None = None
    events: Sequence[BuildEvent] | None = None
    fault: Failure | None = None
    to_fetch: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """A catalog, how many products it has, how many uploads are in each state, and the build that answers."""

    catalog: Catalog
    products: int
    uploads: Mapping[UploadState, int]
    live: HeldBuild | None


def list_catalogs(database: Database) -> Sequence[tuple[Catalog, int]]:
    """Every catalog with its number of products, by name."""
    with database.reading() as transaction:
        return transaction.catalogs.all()


def describe_catalog(database: Database, name: str) -> Description:
    """One catalog. Raises `NotFound` (`unknown_catalog`)."""
    with database.reading() as transaction:
        catalog, products = _counted(transaction, name)
        build = transaction.builds.live(name)
        live = HeldBuild(build, transaction.holdings.count(build.id), products) if build else None
        return Description(catalog, products, transaction.uploads.counts(name), live)


def list_builds(database: Database, name: str, encoders: Encoders | None = None) -> Sequence[HeldBuild]:
    """The builds of a catalog, newest first, and the dry runs under way. Raises `NotFound` (`unknown_catalog`).

    With `encoders` the models of those that take uploads are looked for where they lay; nothing is fetched or opened.
    """
    with database.reading() as transaction:
        _, products = _counted(transaction, name)
        builds = [one for one in transaction.builds.all(name) if one.state in UNFINISHED or not one.dry_run]
        held = [_held(transaction, one, products) for one in builds]
    if encoders is None:
        return held
    return [_looked_at(encoders, one) if one.build.takes_uploads else one for one in held]


def _looked_at(encoders: Encoders, held: HeldBuild) -> HeldBuild:
    build = held.build
    try:
        return replace(held, to_fetch=not encoders.check(build.encoder))
    except EncoderError as error:
        log.warning("build.encoder_fault", extra={"build": build.id, "code": error.code, "detail": error.detail})
        return replace(held, fault=Failure(error.code, error.shown))


def describe_build(database: Database, catalog: str, build_id: str) -> HeldBuild:
    """One build and what happened to it. Raises `NotFound` (`unknown_catalog`, `unknown_build`)."""
    with database.reading() as transaction:
        _, products = _counted(transaction, catalog)
        build = the_build(transaction, catalog, build_id)
        return replace(_held(transaction, build, products), events=transaction.builds.events(build_id))


def _held(transaction: Transaction, build: Build, products: int) -> HeldBuild:
    steps = transaction.build_steps
    return HeldBuild(
        build,
        transaction.holdings.count(build.id),
        products,
        steps.progress(build.id) if build.state is BuildState.BUILDING else None,
        steps.waiting(build.id),
        steps.told(build.id, StepKind.TUNE),
    )


def _counted(transaction: Transaction, name: str) -> tuple[Catalog, int]:
    catalog = transaction.catalogs.get(name)
    if catalog is None:
        raise unknown_catalog(name)
    products = transaction.products.count(name)
    return catalog, products
