"""Products and their pictures in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain.filters import Filter
from app.domain.products import Product
from app.domain.search import ShownProduct
from app.domain.uploads import Claim, Newest, Picture, Upload, UploadKind, UploadState


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

    def get(self, catalog: str, product_ids: Sequence[str]) -> dict[str, StoredProduct]:
        """The products of these ids that are not deleted, in one statement."""
        ...

    def shown(self, catalog: str, product_ids: Sequence[str]) -> dict[str, ShownProduct]:
        """What answers show of the products of these ids that are not deleted, in one statement."""
        ...

    def browse(
        self, catalog: str, where: Filter | None, *, limit: int, offset: int = 0
    ) -> tuple[int, list[ShownProduct]]:
        """How many products pass the filter, counted exactly, and one page of them by product_id."""
        ...


class Pictures(Protocol):
    """The pictures of products: which there are, and what became of them."""

    def shown(self, catalog: str, content_hash: str) -> bool:
        """Whether a product of this catalog that is not deleted has this picture in its newest version."""
        ...

    def save(self, claim: Claim, pictures: Sequence[Picture]) -> None:
        """Write down what became of some of a version's pictures."""
        ...

    def in_error(self, uploads: Sequence[Upload]) -> dict[str, tuple[Picture, ...]]:
        """By upload id, the pictures that these versions go without; uploads with none are left out."""
        ...
