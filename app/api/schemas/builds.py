"""What an operator asks of builds, and what is told of them."""

from collections.abc import Mapping
from typing import Any, NotRequired

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr
from typing_extensions import TypedDict  # pydantic reads typing's only from Python 3.12 on

from app.api.schemas.estimates import EstimateDocument
from app.api.schemas.parts import Moment, Reason
from app.api.schemas.tuning import TakenDocument, TunedDocument, TuningDocument
from app.domain.builds import BuildState


class BuildIn(BaseModel):
    """A build to start; what is not given is as in the live one. `dry_run` only estimates what it would take.

    Of a catalog one is unfinished at most, and beside it one dry run.
    """

    model_config = ConfigDict(extra="forbid")

    encoder: StrictStr | None = Field(default=None, min_length=1, max_length=1_000)
    index: StrictStr | None = None
    params: dict[str, StrictInt] = Field(default_factory=dict)
    rate: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    dry_run: StrictBool = False


class PromoteIn(BaseModel):
    """How a build goes live: by force it may although it did not pass its check, for a reason that is kept."""

    model_config = ConfigDict(extra="forbid")

    force: StrictBool = False
    reason: StrictStr = Field(default="", max_length=1_000)


class ThrottleIn(BaseModel):
    """How many products a second a build is filled with: 0 pauses, null takes the bound away."""

    model_config = ConfigDict(extra="forbid")

    rate: float | None = Field(ge=0, allow_inf_nan=False)


class ProgressDocument(TypedDict):
    """How far a build is filled: `filled` of the `products` that were there when it began, and the time left."""

    products: int
    filled: int
    per_second: float | None
    seconds_left: float | None


class CheckDocument(TypedDict):
    """One of the things that are checked before a build may go live, and its bound.

    `live` is what the live build has, `of` how many rows, products or queries were looked at.
    """

    name: str
    measured: float
    at_least: NotRequired[float]
    at_most: NotRequired[float]
    live: NotRequired[float]
    of: NotRequired[int]
    passed: bool


class LoserDocument(TypedDict):
    """A product whose caption found its picture in the live build, at the rank `before`, and is lost now."""

    product_id: str
    before: int
    now: int | None


class AnswerDocument(TypedDict):
    """A product that a query finds, and how good somebody judged it."""

    product_id: str
    title: str
    grade: NotRequired[float]


class LosingQueryDocument(TypedDict):
    """A query that was asked before, by what measure it loses, and what either build answers first."""

    query: Mapping[str, Any]
    measure: str
    before: float
    now: float
    live: list[AnswerDocument]
    build: list[AnswerDocument]


class ReportDocument(TypedDict):
    """What the check of a build found; one that has not passed goes live by force alone.

    `losers` and `queries` are the products and the kept queries that lose most.
    """

    passed: bool
    checks: list[CheckDocument]
    losers: list[LoserDocument]
    queries: NotRequired[list[LosingQueryDocument]]


class BuildEventDocument(TypedDict):
    """Something that happened to a build."""

    at: Moment
    what: str
    told: Mapping[str, Any]


class SearchedDocument(TypedDict):
    """What queries search with as tuning found it: without a filter, and with one."""

    unfiltered: TakenDocument
    filtered: TakenDocument


class BuildDocument(TypedDict):
    """An index build: `indexed` of `products` are in it. `params` are those its index was started with.

    `searched` is there once it was tuned: what queries search with in place of the search parameters among `params`.
    `takes_uploads` says whether every upload goes to it. It went live at `live_at` last; one that gave way to another
    did so at `retired_at`, and can be gone back to while it takes uploads. `rate` bounds the products a second that
    it is filled with; `waiting` is why a part of the work on it is tried again, until it is; `estimate` is what it
    was to take; `tuning` is how far that is, and `tuned` what it found last. `error` is why it failed, and
    `encoder_fault` why no process could open its model anew, where a list was asked to look; `encoder_to_fetch` is
    no fault: its model is not on that machine, and whoever opens it there fetches it from the hub. A `dry_run` ends
    with its estimate, as `aborted`, and is not listed from then on; it is told
    of until another begins.
    """

    id: str
    state: BuildState
    encoder: str
    index: str
    params: Mapping[str, int]
    products: int
    indexed: int
    created_at: Moment
    takes_uploads: bool
    dry_run: NotRequired[bool]
    live_at: NotRequired[Moment]
    retired_at: NotRequired[Moment]
    rate: NotRequired[float]
    progress: NotRequired[ProgressDocument]
    waiting: NotRequired[Reason]
    estimate: NotRequired[EstimateDocument]
    report: NotRequired[ReportDocument]
    tuning: NotRequired[TuningDocument]
    tuned: NotRequired[TunedDocument]
    searched: NotRequired[SearchedDocument]
    error: NotRequired[Reason]
    encoder_fault: NotRequired[Reason]
    encoder_to_fetch: NotRequired[bool]
    events: NotRequired[list[BuildEventDocument]]


class StartedBuild(TypedDict):
    """A build, and the state it is in by now."""

    id: str
    state: BuildState


class BuildList(TypedDict):
    """The builds of a catalog, newest first, and the dry runs that are under way."""

    builds: list[BuildDocument]
