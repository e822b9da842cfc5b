"""Which build answers: promote one, and go back to the one before.

Each is one transaction that holds all builds of the catalog still. A query reads the live build once, and ends on the
build it began with: a build that is no longer live keeps its collections.
"""

import time
from dataclasses import dataclass
from datetime import timedelta

from app.domain.builds import Build, BuildState
from app.domain.errors import Conflict, EncoderNotLoaded, Invalid, NotFound
from app.domain.products import unknown_catalog
from app.ports.database import Database, Transaction
from app.ports.vectors import VectorStore
from app.services.encoders import Encoders
from app.services.end_build import end_build

PRESENT = timedelta(seconds=10)
"""How long an API process counts as there after it said so, which it does every two seconds."""

_PROMOTED, _LIVE_AGAIN = "promoted", "live again"
"""How a build goes live, in its events."""

_LOOK_AGAIN_S = 0.2


@dataclass(frozen=True, slots=True)
class Switch:
    """Everything that switching needs.

    `patience_s` is how long API processes may take to load an encoder, `kept` how many builds that were live before
    go on taking uploads, so that one can go back to them.
    """

    database: Database
    store: VectorStore
    encoders: Encoders
    patience_s: float
    kept: int

    def promote(self, catalog: str, build_id: str, *, force: bool = False, reason: str = "") -> Build:
        """Make a build the live one, once every API process has loaded its encoder.

        Raises `NotFound` (`unknown_build`), `Conflict` (`build_state`, `gate_failed`), `Invalid` (`reason`),
        `StoreUnavailable` (`index_lost`), and `EncoderNotLoaded`.
        """
        if force and not reason.strip():
            raise Invalid("say why a build goes live that did not pass its check", code="reason", field="reason")
        with self.database.reading() as transaction:
            build = promotable(transaction, catalog, build_id, force=force)
            if not force and transaction.holdings.compare(build_id).missing:
                raise _not_passed(build)
        self._await(build)
        with self.database.writing() as transaction:
            transaction.builds.hold_still(catalog)
            build = promotable(transaction, catalog, build_id, force=force)
            told = {"forced": True, "reason": reason} if force else {}
            self._make_live(transaction, build, _PROMOTED, told)
        return build

    def rollback(self, catalog: str, build_id: str) -> Build:
        """Go back from the live build to the one that was live before; returns that one.

        Raises `NotFound` (`unknown_build`), `Conflict` (`build_state`, `no_previous_build`, `rolled_back`),
        `StoreUnavailable` (`index_lost`), and `EncoderNotLoaded`.
        """
        with self.database.reading() as transaction:
            before = _previous(transaction, catalog, build_id)
        self._await(before)
        with self.database.writing() as transaction:
            transaction.builds.hold_still(catalog)
            before = _previous(transaction, catalog, build_id)
            transaction.builds.record(build_id, "rolled back", {"to": before.id})
            self._make_live(transaction, before, _LIVE_AGAIN, {})
        return before

    def _await(self, build: Build) -> None:
        """Return once every API process has the encoder; this one loads it here. The store must have the build."""
        self.store.ping(build.collections)
        self.encoders.of(build.encoder).encode_texts(["ready"])
        until = time.monotonic() + self.patience_s
        while True:
            with self.database.reading() as transaction:
                lacking = transaction.announcements.lacking(build.encoder.fingerprint, within=PRESENT)
            if not lacking:
                return
            if time.monotonic() > until:
                raise EncoderNotLoaded(
                    f"{len(lacking)} API processes have not loaded {build.encoder.shown_name} within "
                    f"{self.patience_s:g} s: their logs say why ({', '.join(sorted(lacking))})"
                )
            time.sleep(_LOOK_AGAIN_S)

    def _make_live(self, transaction: Transaction, build: Build, what: str, told: dict[str, object]) -> None:
        live = transaction.builds.live(build.catalog)
        if live is not None:
            transaction.builds.set_state(live.id, BuildState.RETIRED)
            transaction.builds.record(live.id, "retired", {"after": build.id})
        transaction.builds.set_state(build.id, BuildState.LIVE)
        retired = [
            one
            for one in transaction.builds.all(build.catalog)
            if one.state is BuildState.RETIRED and one.takes_uploads and one.retired_at is not None
        ]
        newest_first = sorted(retired, key=lambda one: one.retired_at or one.created_at, reverse=True)
        gone = newest_first[self.kept :]
        for one in gone:
            end_build(transaction, one, BuildState.RETIRED, "no longer kept")
        transaction.builds.record(build.id, what, {**told, "let_go": [one.id for one in gone]} if gone else told)


def promotable(transaction: Transaction, catalog: str, build_id: str, *, force: bool) -> Build:
    """A build that may go live: it is ready and has passed its check, or was live and still takes uploads."""
    build = the_build(transaction, catalog, build_id)
    may = build.takes_uploads and build.state in (BuildState.READY, BuildState.RETIRED)
    if build.dry_run or not may:
        raise Conflict(
            f"build {build_id} is {shown_state(build)}: {_why_not_live(build)}", code="build_state", field="build"
        )
    # A catalog's first build was never checked; one that went live by force needs it every time.
    passed = (build.report or {"passed": build.state is BuildState.RETIRED})["passed"]
    # Since its check an upload may have come with a content that its encoder fails on.
    if not force and (not passed or transaction.builds.count_failed(build_id)):
        raise _not_passed(build)
    return build


def _why_not_live(build: Build) -> str:
    if build.dry_run:
        return "it ends with its estimate"
    if build.state is BuildState.BUILDING:
        return "it can go live once it is ready"
    if build.state is BuildState.LIVE:
        return "it answers already"
    return "its collections are gone, only a new build can go live"


def _not_passed(build: Build) -> Conflict:
    return Conflict(
        f"build {build.id} has not passed its check, and can go live only by force, with a reason: "
        f"GET /v1/catalogs/{build.catalog}/builds/{build.id} tells what it found",
        code="gate_failed",
    )


def the_build(transaction: Transaction, catalog: str, build_id: str) -> Build:
    """A build of a catalog. Raises `NotFound` (`unknown_catalog`, `unknown_build`)."""
    if transaction.catalogs.get(catalog) is None:
        raise unknown_catalog(catalog)
    build = transaction.builds.get(build_id)
    if build is None or build.catalog != catalog:
        raise NotFound(
            f"there is no build {build_id} in this catalog: GET /v1/catalogs/{catalog}/builds lists them",
            code="unknown_build",
            field="build",
        )
    return build


def _previous(transaction: Transaction, catalog: str, build_id: str) -> Build:
    build = the_build(transaction, catalog, build_id)
    if build.state is not BuildState.LIVE:
        raise Conflict(
            f"build {build_id} is {shown_state(build)}, not live: there is nothing to go back from",
            code="build_state",
        )
    before = transaction.builds.previous(catalog)
    if before is None:
        raise Conflict("no build that was live before is kept", code="no_previous_build")
    went_live = [
        event.what for event in transaction.builds.events(build_id) if event.what in (_PROMOTED, _LIVE_AGAIN)
    ]
    if went_live[-1:] == [_LIVE_AGAIN]:  # asked twice, perhaps by two people: the second would undo the first
        raise Conflict(
            f"build {build_id} is the one that was gone back to: promoting {before.id} goes to the other one once "
            "more",
            code="rolled_back",
        )
    return before


def shown_state(build: Build) -> str:
    """A build's state, in words for an operator."""
    if build.dry_run:
        return "a dry run" if build.state is BuildState.BUILDING else "a dry run that is over"
    if build.state is BuildState.RETIRED:
        return "retired and kept for a rollback" if build.takes_uploads else "retired and no longer kept"
    return build.state.value
