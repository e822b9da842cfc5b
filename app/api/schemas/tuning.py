"""What an operator asks of tuning, and what it tells."""

from collections.abc import Mapping
from typing import Any, NotRequired

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr
from typing_extensions import TypedDict  # pydantic reads typing's only from Python 3.12 on

from app.api.schemas.parts import Reason
from app.domain.tuning import RECALL


class TuneIn(BaseModel):
    """The least recall that searches are to have, and index types to be compared beside.

    A `dry_run` measures and stores nothing with the build, and so does whoever compares.
    """

    model_config = ConfigDict(extra="forbid")

    recall: StrictFloat | StrictInt = Field(default=RECALL, gt=0, le=1)
    compare: list[StrictStr] = Field(default_factory=list, max_length=20)
    dry_run: StrictBool = False


class PointDocument(TypedDict):
    """A value of the search parameter that was tried: its recall, and the milliseconds of a search."""

    value: int
    recall: float
    ms: float


class BandDocument(TypedDict):
    """What searches take where `share` of the products pass, measured under `filter`, which `products` pass.

    `over_fetch` is how many pictures are asked for to get one product. Where the recall is not `reached`, these are
    the least that come within 0.01 of the best recall. `points` are all that was tried, and `reason` is why nothing
    less was.
    """

    share: float
    filter: Mapping[str, Any] | None
    products: int
    search_params: Mapping[str, int]
    over_fetch: int
    recall: float
    ms: float
    reached: bool
    points: list[PointDocument]
    reason: NotRequired[str]


class LeftOutDocument(TypedDict):
    """A share that is not measured, and why; `filter` is what was to stand for it, if any could."""

    share: float
    filter: NotRequired[Mapping[str, Any] | None]
    reason: str


class ComparedDocument(TypedDict):
    """An index type, built of `rows` captions: `bytes` of memory are computed. `passed_over` is why it was not."""

    index: str
    rows: int
    params: Mapping[str, int]
    passed_over: NotRequired[str]
    build_seconds: NotRequired[float]
    bytes: NotRequired[int]
    search_params: NotRequired[Mapping[str, int]]
    recall: NotRequired[float]
    ms: NotRequired[float]
    reached: NotRequired[bool]


class TakenDocument(TypedDict):
    """What searches take in a band."""

    search_params: Mapping[str, int]
    over_fetch: int


class ChangeDocument(TypedDict):
    """What is stored for the band of a share, and what was before; null for one that was not measured.

    Where nothing was, it is what the index was made with. One that is `kept` was measured before and not this time.
    """

    share: float
    before: TakenDocument | None
    now: TakenDocument | None
    kept: NotRequired[bool]


class TunedDocument(TypedDict):
    """What tuning found: for each band the least search parameter that reaches `recall` of the best `depth` products.

    `changes` is what it changed, or in a dry run would have changed: that is told by an event `measured` alone.
    `nothing` says why nothing is tuned: an exact index has nothing to tune, and its recall is `reached`; otherwise
    there was nothing to measure with, or no band could be measured.
    """

    recall: float
    depth: int
    reached: bool
    bands: list[BandDocument]
    left_out: list[LeftOutDocument]
    compared: list[ComparedDocument]
    changes: NotRequired[list[ChangeDocument]]
    nothing: NotRequired[str]


class TuningDocument(TypedDict):
    """A build that is being tuned: what was found so far, and how many parts are left; null until they are chosen.

    `waiting` is why a part is tried again. What a `dry_run` finds is not stored.
    """

    recall: float
    dry_run: bool
    parts_left: int | None
    waiting: NotRequired[Reason]
    bands: list[BandDocument]
    left_out: list[LeftOutDocument]
    compared: list[ComparedDocument]
    nothing: NotRequired[str]
