"""The database port: the truth. Everything happens inside a transaction that the caller opens and that ends once."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.domain.builds import Build, BuildState
from app.domain.filters import Filter
from app.domain.products import Catalog, Product
from app.domain.uploads import Claim, Newest, Picture, Stage, Upload, UploadKind, UploadState


@dataclass(frozen=True, slots=True)
class Accepted:
    """One upload to write down: the state it starts in, and the product and pictures as its version states them.

    `digest` is over what the caller stated, `content_digest` over the product as this version leaves it.
    """

    upload_id: str
    version: int
    newest: bool
    kind: UploadKind
    state: UploadState
    digest: str
    content_digest: str
    product: Product
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True, slots=True)
class StoredProduct:
    """The newest accepted version of a product, with its pictures and the state of the upload that brought it."""

    product: Product
    version: int
    upload_id: str
    state: UploadState
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an upload is dead: a stable code, and words for a person."""

    code: str
    detail: str


class Catalogs(Protocol):
    """Catalogs and their attribute schemas."""

    def get(self, name: str) -> Catalog | None:
        """The catalog of that name."""
        ...

    def put(self, catalog: Catalog) -> None:
        """Create the catalog or replace its declaration."""
        ...

    def all(self) -> list[tuple[Catalog, int]]:
        """Every catalog with its number of products, by name."""
        ...


class Products(Protocol):
    """The newest accepted version of every product, and the pictures of its versions."""

    def lock(self, catalog: str, product_ids: Sequence[str]) -> dict[str, Newest]:
        """What is newest of each product, held against other writers until this transaction ends."""
        ...

    def save(self, catalog: str, accepted: Sequence[Accepted]) -> None:
        """Make these versions the newest of their products, and write their pictures down.

        Call it even for none: a product that was locked, and has no version yet, leaves nothing.
        """
        ...

    def get(self, catalog: str, product_ids: Sequence[str], where: Filter | None = None) -> dict[str, StoredProduct]:
        """The products of these ids that are not deleted and pass the filter, in one statement."""
        ...

    def browse(
        self, catalog: str, where: Filter | None, *, limit: int, offset: int = 0
    ) -> tuple[int, list[StoredProduct]]:
        """How many products pass the filter, counted exactly, and one page of them by product_id."""
        ...


class Pictures(Protocol):
    """The pictures of products: which there are, and what became of them."""

    def shown(self, catalog: str, content_hash: str) -> bool:
        """Whether a product of this catalog has this picture."""
        ...

    def save(self, claim: Claim, pictures: Sequence[Picture]) -> None:
        """Write down what became of some of a version's pictures."""
        ...

    def in_error(self, uploads: Sequence[Upload]) -> dict[str, tuple[Picture, ...]]:
        """By upload id, the pictures that these versions go without; uploads with none are left out."""
        ...


class Uploads(Protocol):
    """Uploads: rows with a state, a lease and an attempt count."""

    def known(self, catalog: str, versions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[str, str]]:
        """(upload_id, digest) of the uploads with these (product_id, version)."""
        ...

    def add(self, catalog: str, accepted: Sequence[Accepted]) -> None:
        """Insert uploads; older ones of the same products that no worker has begun are superseded."""
        ...

    def get(self, upload_ids: Sequence[str]) -> dict[str, Upload]:
        """Receipts by id."""
        ...

    def page(
        self, *, state: UploadState | None, catalog: str | None, limit: int, after: str | None = None
    ) -> list[Upload]:
        """Receipts by id, newest first; `after` is the last id of the page before."""
        ...

    def counts(self, catalog: str | None = None) -> dict[UploadState, int]:
        """How many uploads are in each state."""
        ...

    def claim(self, stage: Stage, *, limit: int, lease: timedelta) -> list[Claim]:
        """Take uploads that wait for a stage, oldest first, and count the attempt.

        Uploads that were tried before are taken in ever smaller groups, the last tries alone, so that a picture
        that kills its worker takes no other with it. Uploads that are no longer the newest are superseded
        instead; uploads that have used up their attempts are dead (`attempts_exhausted`).
        """
        ...

    def advance(self, stage: Stage, claims: Sequence[Claim]) -> set[str]:
        """Move the claimed uploads on; returns the ids that moved.

        One that lost its lease or is no longer the newest does not move; where it may have written to an index the
        newest version of its product is indexed again, so that the older one cannot stay on top.
        """
        ...

    def release(self, claims: Sequence[Claim], *, delay: timedelta, blameless: bool) -> None:
        """Give claimed uploads that are still held back, due after `delay`; `blameless` takes the attempt back."""
        ...

    def encode_again(self, claims: Sequence[Claim]) -> None:
        """Send claimed uploads back to the encode stage: a build came that their contents have no embedding for."""
        ...

    def bury(self, claims: Sequence[Claim], failures: Mapping[str, Failure]) -> None:
        """Mark claimed uploads that are still held as dead, with the failure of each by upload id.

        Their product and pictures are kept; they can be retried. One that is no longer the newest is superseded.
        """
        ...

    def retry(self, upload_id: str) -> bool:
        """Put a dead upload that is still the newest back to its beginning; False where it is not such a one."""
        ...

    def due(self) -> dict[Stage, int]:
        """How many uploads each stage could claim now."""
        ...

    def forget_leases(self) -> None:
        """End every lease. Only for a process that knows itself to be the only worker."""
        ...


class IdempotencyKeys(Protocol):
    """What was answered to a key before."""

    def get(self, catalog: str, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
        """(digest, upload_id) by key."""
        ...

    def add(self, catalog: str, key: str, digest: str, upload_id: str) -> None:
        """Write a key down."""
        ...


class Embeddings(Protocol):
    """Embeddings by content hash and encoder fingerprint: the same content is encoded once."""

    def known(self, fingerprint: str, content_hashes: Sequence[str]) -> set[str]:
        """Which of these contents have an embedding."""
        ...

    def get(self, fingerprint: str, content_hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Embeddings by content hash, each of shape (dimension,)."""
        ...

    def add(self, fingerprint: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Store embeddings by content hash; one that is there already stays."""
        ...


class Builds(Protocol):
    """Builds, and what each of them holds."""

    def add(self, build: Build) -> None:
        """Insert a build. Raises `Conflict` (`build_exists`) where its state allows only one and there is one."""
        ...

    def live(self, catalog: str) -> Build | None:
        """The build that queries read."""
        ...

    def writable(self, catalogs: Sequence[str]) -> dict[str, list[Build]]:
        """The builds that every upload goes to, by catalog."""
        ...

    def all(self, catalog: str) -> list[Build]:
        """Every build of a catalog, newest first."""
        ...

    def set_state(self, build_id: str, state: BuildState) -> None:
        """Move a build to another state."""
        ...

    def hold(self, build_id: str, pictures: Mapping[str, int]) -> dict[str, int]:
        """Before rows are written: note by product_id how many picture rows a build may hold from now on.

        The note only grows here; returns what it was before. A worker that dies after writing therefore leaves
        no row that nobody knows of.
        """
        ...

    def held(self, build_id: str, products: Mapping[str, tuple[int, int]]) -> None:
        """After rows are written and superfluous ones deleted: by product_id the version and number of pictures.

        The note of pictures shrinks only where no older upload of the product may still be writing.
        """
        ...

    def dropped(self, build_id: str, product_ids: Sequence[str]) -> None:
        """After every row of these products was deleted: the build holds nothing of them.

        The note of pictures stays where an older upload of the product may still be writing.
        """
        ...

    def count(self, build_id: str) -> int:
        """How many products a build holds."""
        ...


class Transaction(Protocol):
    """One transaction, with everything that can be asked of the database inside it."""

    @property
    def now(self) -> datetime:
        """The database's clock."""
        ...

    @property
    def catalogs(self) -> Catalogs: ...  # noqa: D102 - named by its type
    @property
    def products(self) -> Products: ...  # noqa: D102
    @property
    def pictures(self) -> Pictures: ...  # noqa: D102
    @property
    def uploads(self) -> Uploads: ...  # noqa: D102
    @property
    def idempotency_keys(self) -> IdempotencyKeys: ...  # noqa: D102
    @property
    def embeddings(self) -> Embeddings: ...  # noqa: D102
    @property
    def builds(self) -> Builds: ...  # noqa: D102


class Database(Protocol):
    """Opens transactions. Every use may raise `DatabaseUnavailable`."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """A transaction that writes nothing."""
        ...

    def writing(self) -> AbstractContextManager[Transaction]:
        """A transaction that commits at the end, and rolls back where the block raises."""
        ...

    def ping(self) -> None:
        """Return if the database answers and its schema is the one this code was written for."""
        ...
