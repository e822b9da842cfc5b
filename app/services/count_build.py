"""Counting what a build is to hold, a page of products at a time."""

import heapq

from app.domain.builds import Build
from app.domain.estimates import Counted
from app.ports.database import Transaction
from app.services.bring_products import to_write
from app.services.build_rows import rows_of
from app.services.encode_contents import Missing, chosen_for_captions, missing_of

SAMPLE = 1_000
"""The most pictures, and captions, that are encoded to see how long that takes: a fast model's work of a second."""
SHARE = 10
"""Of what is to be encoded at most one in so many: an estimate is no more than a tenth of the work."""


class Inventory:
    """What was counted so far. A content that several products share counts once."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._seen: set[int] = set()  # 64 bits of each hash: of a million contents 60 MB, where the texts take 200
        # Those with the smallest hashes: as good as drawn by lot from all over the catalog, and the same every time.
        self._pictures: list[str] = []
        self._captions: dict[str, str] = {}
        self.counted = Counted()

    def add(self, transaction: Transaction, after: str, up_to: str) -> None:
        """Count the products that have an id beyond `after`, up to and with `up_to`."""
        catalog = self._build.catalog
        chosen = chosen_for_captions(transaction, catalog)
        page = transaction.products.standing_between(catalog, after, up_to)
        due = sorted(name for name, one in page.items() if to_write(one, again=False))
        versions = transaction.products.versions(catalog, due)
        rows = [row for one in versions for row in rows_of(one, chosen) or ()]
        new = {row.content_hash: row.is_picture for row in rows if hash(row.content_hash) not in self._seen}
        self._seen.update(map(hash, new))
        lacking = missing_of(
            transaction, self._build.encoder, [(one, one.product.caption(chosen)) for one in versions]
        )
        pictures = [name for name in lacking.pictures if name in new]
        captions = {name: caption for name, caption in lacking.captions.items() if name in new}
        self._pictures = heapq.nsmallest(SAMPLE, [*self._pictures, *pictures])
        some = self._captions | captions
        self._captions = {name: some[name] for name in heapq.nsmallest(SAMPLE, some)}
        self.counted += Counted(
            products=len({row.product_id for row in rows}),
            picture_rows=sum(row.is_picture for row in rows),
            caption_rows=sum(not row.is_picture for row in rows),
            pictures=sum(new.values()),
            captions=len(new) - sum(new.values()),
            lacking_pictures=len(pictures),
            lacking_captions=len(captions),
        )

    @property
    def sample(self) -> Missing:
        """Some of the contents that have no embedding, spread over all of them."""
        pictures = self._pictures[: -(-self.counted.lacking_pictures // SHARE)]
        captions = list(self._captions.items())[: -(-self.counted.lacking_captions // SHARE)]
        return Missing(self._build.encoder, pictures, dict(captions))
