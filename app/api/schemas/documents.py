"""What the API answers, member by member: mypy holds `app/api/documents.py` to it, and `/openapi.json` tells it."""

from collections.abc import Mapping
from typing import Literal, NotRequired

from typing_extensions import TypedDict  # pydantic reads typing's only from Python 3.12 on

from app.api.schemas.builds import BuildDocument
from app.api.schemas.parts import Moment, Reason
from app.domain.products import AttributeType, AttributeValue
from app.domain.uploads import UploadKind, UploadState


class Problem(TypedDict):
    """What went wrong (RFC 9457). `code` is stable; `field` names the part of the request that it is about."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: NotRequired[str]
    request_id: NotRequired[str | None]


class CatalogDocument(TypedDict):
    """A catalog; alone it comes with its uploads by state and the build that answers."""

    name: str
    attributes: dict[str, AttributeType]
    caption: list[str]
    products: int
    uploads: NotRequired[dict[UploadState, int]]
    build: NotRequired[BuildDocument]


class CatalogList(TypedDict):
    """Every catalog, by name."""

    catalogs: list[CatalogDocument]


class PictureDocument(TypedDict):
    """A picture: `url` is where this service has it, `source` the URL it was named by; or why it is missing."""

    position: int
    url: NotRequired[str]
    width: NotRequired[int | None]
    height: NotRequired[int | None]
    source: NotRequired[str]
    error: NotRequired[Reason]


class ProductDocument(TypedDict):
    """A product, whole, with the state of its newest upload."""

    product_id: str
    title: str
    description: str
    attributes: Mapping[str, AttributeValue]
    images: list[PictureDocument]
    version: int
    state: UploadState
    upload_id: str


class AcceptedDocument(TypedDict):
    """An upload that was accepted; `status_url` is where its receipt stands."""

    upload_id: str
    product_id: str
    version: int
    state: UploadState
    status_url: str


class AcceptedLine(AcceptedDocument):
    """The answer to a line of a batch that was accepted."""

    line: int
    status: Literal[202]


class RefusedLine(Problem):
    """The answer to a line of a batch that was refused."""

    line: int
    product_id: str | None


class StageDocument(TypedDict):
    """When an upload reached a state."""

    stage: UploadState
    at: Moment


class Receipt(TypedDict):
    """What became of an upload.

    `attempts` are those of the present stage. One that waits for another tells `last_error` and `next_attempt_at`,
    a dead one its `error`; `images` are the pictures that its version goes without.
    """

    upload_id: str
    catalog: str
    product_id: str
    version: int
    kind: UploadKind
    state: UploadState
    stages: list[StageDocument]
    searchable_at: Moment | None
    attempts: int
    last_error: NotRequired[Reason]
    next_attempt_at: NotRequired[Moment]
    error: NotRequired[Reason]
    images: NotRequired[list[PictureDocument]]


class ReceiptList(TypedDict):
    """Receipts, newest first."""

    uploads: list[Receipt]


class EmbedDocument(TypedDict):
    """Vectors of norm 1, in the order of the request."""

    encoder: str
    dimension: int
    texts: list[list[float]]
    images: list[list[float]]


class SimilarityDocument(TypedDict):
    """The cosine of each pair, in order, from -1 to 1."""

    encoder: str
    scores: list[float]


class HealthDocument(TypedDict):
    """Whether the service is ready, and what is wrong with which part."""

    status: Literal["ok", "unavailable"]
    parts: NotRequired[dict[str, dict[str, str]]]
