"""Builds as JSON documents."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from app.api.schemas.builds import BuildDocument, ProgressDocument, ReportDocument
from app.api.schemas.estimates import EstimateDocument
from app.api.schemas.parts import Reason
from app.api.schemas.tuning import TakenDocument, TunedDocument, TuningDocument
from app.domain.build_steps import BuildEvent, Progress
from app.domain.builds import Build, BuildState
from app.domain.estimates import ESTIMATED
from app.ports.uploads import Failure
from app.services.describe_catalog import HeldBuild
from app.services.search_legs import ROWS_PER_CANDIDATE


def build_document(held: HeldBuild) -> BuildDocument:
    """A build."""
    build = held.build
    document: BuildDocument = {
        "id": build.id,
        "state": build.state,
        "encoder": build.encoder.shown_name,
        "index": build.index.type,
        "params": {**build.index.build_params, **build.index.search_params},
        "products": held.products,
        "indexed": held.indexed,
        "created_at": build.created_at.isoformat(),
        "takes_uploads": build.takes_uploads,
    }
    _add_stated(document, build)
    if held.progress is not None:
        document["progress"] = _progress_document(held.progress, build.rate)
    if held.waiting is not None:
        document["waiting"] = _reason(held.waiting)
    if held.tuning is not None:
        document["tuning"] = _tuning_document(*held.tuning)
    if build.report is not None:
        document["report"] = cast(ReportDocument, build.report)
    if build.tuned is not None:
        _add_tuned(document, build, build.tuned)
    if build.error_code is not None:
        document["error"] = {"code": build.error_code, "detail": build.error_detail}
    if held.fault is not None:
        document["encoder_fault"] = _reason(held.fault)
    if held.to_fetch:
        document["encoder_to_fetch"] = True
    if held.events is not None:
        _add_events(document, held.events)
    return document


def _add_stated(document: BuildDocument, build: Build) -> None:
    if build.dry_run:
        document["dry_run"] = True
    if build.live_at is not None:
        document["live_at"] = build.live_at.isoformat()
    if build.state is BuildState.RETIRED and build.retired_at is not None:
        document["retired_at"] = build.retired_at.isoformat()
    if build.rate is not None:
        document["rate"] = build.rate


def _add_tuned(document: BuildDocument, build: Build, tuned: Mapping[str, Any]) -> None:
    document["tuned"] = cast(TunedDocument, tuned)
    if build.index.bands:
        document["searched"] = {"unfiltered": _taken(build, filtered=False), "filtered": _taken(build, filtered=True)}


def _taken(build: Build, *, filtered: bool) -> TakenDocument:
    index, over_fetch = build.searched(filtered=filtered)
    return {"search_params": index.search_params, "over_fetch": over_fetch or ROWS_PER_CANDIDATE}


def _add_events(document: BuildDocument, events: Sequence[BuildEvent]) -> None:
    for event in events:
        if event.what == ESTIMATED:
            document["estimate"] = cast(EstimateDocument, event.told)
    document["events"] = [{"at": one.at.isoformat(), "what": one.what, "told": one.told} for one in events]


def _reason(failure: Failure) -> Reason:
    return {"code": failure.code, "detail": failure.detail}


def _tuning_document(told: Mapping[str, Any], waiting: Failure | None) -> TuningDocument:
    chosen = told["bands"] is not None
    left = len(told["compare"]) + len(told["bands"]) if chosen else None
    stated = {"recall": told["recall"], "dry_run": told.get("dry_run", False)}
    waits = {} if waiting is None else {"waiting": _reason(waiting)}
    return cast(TuningDocument, {**stated, "parts_left": left, **waits, **told["found"]})


def _progress_document(progress: Progress, bound: float | None) -> ProgressDocument:
    """`bound` is the most products a second from now on: while it is 0 nobody knows how long is left."""
    rate = progress.per_second
    ahead = rate if bound is None or rate is None else min(rate, bound)
    left = progress.products - progress.filled
    return {
        "products": progress.products,
        "filled": progress.filled,
        "per_second": round(rate, 1) if rate else None,
        "seconds_left": round(left / ahead, 1) if ahead else None,
    }
