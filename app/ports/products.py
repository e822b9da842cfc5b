"""Products and their pictures in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain.answers import ShownProduct
from app.domain.columns import Held
from app.domain.filters import Filter
from app.domain.products import Product
from app.domain.uploads import Claim, Newest, Picture, ProductVersion, Upload, UploadKind, UploadState


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
class Standing:
    """The newest version of a product, and how far the upload is that brought it."""

    version: int
    deleted: bool
    state: UploadState


@dataclass(frozen=True, slots=True)
class Changes:
    """Products that changed, or all of the `whole` catalog; `mark` is what to ask with next."""

    products: Sequence[Held]
    mark: str
    whole: bool


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

    def page_end(self, catalog: str, after: str, size: int) -> str:
        """The last id of the `size` products that follow `after`, deleted ones too; '' where no more follow."""
        ...

    def page_ends(self, catalog: str, size: int) -> list[tuple[str, int]]:
        """The products that are not deleted, divided by product_id: the last id of each page, and its size."""
        ...

    def standing_between(self, catalog: str, after: str, up_to: str) -> dict[str, Standing]:
        """How the products stand that have an id beyond `after`, up to and with `up_to`; deleted ones too.

        The empty text is no bound.
        """
        ...

    def standing(self, catalog: str, product_ids: Sequence[str]) -> dict[str, Standing]:
        """How these products stand; those that there are not are left out."""
        ...

    def standing_still(self, catalog: str, product_ids: Sequence[str]) -> dict[str, Standing]:
        """How these products stand. No newer version is accepted of any of them until this transaction ends."""
        ...

    def versions(self, catalog: str, product_ids: Sequence[str]) -> list[ProductVersion]:
        """The newest versions of these products, deleted ones too."""
        ...

    def changed(self, catalog: str, since: str | None) -> Changes:
        """What has changed since a mark, deleted products too; one that has not changed may come again.

        Everything where there is no mark, or where it is none of this database.
        """
        ...

    def count(self, catalog: str, where: Filter | None = None, *, up_to: str = "") -> int:
        """How many products that are not deleted pass the filter, of those up to and with an id; '' is no bound."""
        ...


class Pictures(Protocol):
    """The pictures of products: which there are, and what became of them."""

    def shown(self, catalog: str, content_hash: str) -> bool:
        """Whether a product of this catalog that is not deleted has this picture in its newest version."""
        ...

    def save(self, claim: Claim, pictures: Sequence[Picture]) -> None:
        """Write down what became of some of a version's pictures."""
        ...

    def slots(self, catalog: str, product_ids: Sequence[str]) -> dict[str, int]:
        """One more than the highest position a picture of each product ever had; those that had none are left out."""
        ...

    def in_error(self, uploads: Sequence[Upload]) -> dict[str, tuple[Picture, ...]]:
        """By upload id, the pictures that these versions go without; uploads with none are left out."""
        ...
