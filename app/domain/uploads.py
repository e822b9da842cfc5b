"""Uploads: the states they pass, which version wins, and what a receipt tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from app.domain.errors import Conflict
from app.domain.products import Product

MAX_VERSION = 2**63 - 1  # a version is an int64 in every store
MAX_ATTEMPTS = 5
"""Tries a stage gives an upload before it is dead: enough to outlive workers that die of a neighbour's poison."""


class UploadKind(StrEnum):
    """What an upload does to its product."""

    UPSERT = "upsert"
    PATCH = "patch"
    DELETE = "delete"


class UploadState(StrEnum):
    """accepted → fetched → encoded → indexed; superseded or dead instead."""

    ACCEPTED = "accepted"
    FETCHED = "fetched"
    ENCODED = "encoded"
    INDEXED = "indexed"
    SUPERSEDED = "superseded"
    DEAD = "dead"


UNFINISHED = (UploadState.ACCEPTED, UploadState.FETCHED, UploadState.ENCODED)
TERMINAL = (UploadState.INDEXED, UploadState.SUPERSEDED, UploadState.DEAD)


class Stage(StrEnum):
    """A step of the pipeline; the name of its queue too."""

    INTAKE = "intake"
    ENCODE = "encode"
    INDEX = "index"

    @property
    def takes(self) -> UploadState:
        """The state an upload waits in for this stage."""
        return _TAKES[self]

    @property
    def gives(self) -> UploadState:
        """The state an upload has after this stage."""
        return _GIVES[self]

    @property
    def following(self) -> "Stage | None":
        """The stage to wake next."""
        return {Stage.INTAKE: Stage.ENCODE, Stage.ENCODE: Stage.INDEX}.get(self)


_TAKES = {
    Stage.INTAKE: UploadState.ACCEPTED,
    Stage.ENCODE: UploadState.FETCHED,
    Stage.INDEX: UploadState.ENCODED,
}
_GIVES = {
    Stage.INTAKE: UploadState.FETCHED,
    Stage.ENCODE: UploadState.ENCODED,
    Stage.INDEX: UploadState.INDEXED,
}


class Picture(NamedTuple):
    """One picture of one version of a product.

    It came along (`content_hash` known from the start) or is named by `url` and fetched; one that cannot be used
    carries the error instead, and the product goes on without it.
    """

    position: int
    url: str | None = None
    content_hash: str | None = None
    width: int | None = None
    height: int | None = None
    error_code: str | None = None
    error_detail: str | None = None

    @property
    def source(self) -> str:
        """What the upload stated: the URL, or else the content hash."""
        return self.url or self.content_hash or ""


@dataclass(frozen=True, slots=True)
class Upload:
    """One accepted change of one product, as its receipt tells it. `stages` holds the time each state was reached.

    `attempts` are those of the stage it is in. The error is why it is dead, or how the last of them ended; one that
    waits for another try says when that is due.
    """

    id: str
    catalog: str
    product_id: str
    version: int
    kind: UploadKind
    state: UploadState
    attempts: int
    stages: Mapping[UploadState, datetime]
    error_code: str | None = None
    error_detail: str | None = None
    next_attempt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProductVersion:
    """One version of a product, with its pictures: what an index is to hold of it, or that it holds nothing."""

    product: Product
    version: int
    deleted: bool = False
    pictures: tuple[Picture, ...] = ()

    @property
    def slots(self) -> int:
        """One more than the highest position of a picture."""
        return max((picture.position + 1 for picture in self.pictures), default=0)


@dataclass(frozen=True, slots=True)
class Claim:
    """An upload that one worker holds until its lease ends, with the product as that version states it."""

    upload_id: str
    catalog: str
    version: int
    kind: UploadKind
    attempts: int
    token: str
    product: Product
    pictures: tuple[Picture, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """(catalog, product_id)."""
        return self.catalog, self.product.product_id

    @property
    def content(self) -> ProductVersion:
        """What an index is to hold once this upload is indexed."""
        return ProductVersion(self.product, self.version, self.kind is UploadKind.DELETE, self.pictures)


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest accepted version of a product; version 0 where there is none yet."""

    version: int = 0
    digest: str = ""
    upload_id: str = ""
    deleted: bool = True
    settled: bool = False
    """Whether its upload went well so far: not dead, no picture in error. Only then is stating it again no change."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a submission: a new version, a late one, or (`upload_id`) the upload that was there already."""

    version: int
    newest: bool = True
    upload_id: str | None = None


def decide(
    newest: Newest, known: tuple[str, str] | None, *, version: int | None, digest: str, content_digest: str
) -> Verdict:
    """Apply the rule of versions: the newest accepted one wins, whatever the order of arrival.

    `digest` is over what the caller stated, `content_digest` over the product as it would become (they differ for a
    patch). `known` is (upload_id, digest) of the upload that has the stated version already. Raises `Conflict`
    (`version_conflict`) where the same version was accepted with other content, or no higher one is left to assign.
    """
    if version is None:
        if newest.settled and newest.digest == content_digest:
            return Verdict(newest.version, upload_id=newest.upload_id)
        if newest.version >= MAX_VERSION:
            raise Conflict("this product has the highest version there is", code="version_conflict", field="version")
        return Verdict(newest.version + 1)
    if known is not None:
        upload_id, known_digest = known
        if known_digest != digest:
            raise Conflict(
                f"version {version} was accepted before with other content", code="version_conflict", field="version"
            )
        return Verdict(version, upload_id=upload_id)
    return Verdict(version, newest=version > newest.version)
