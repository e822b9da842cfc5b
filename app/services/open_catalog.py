"""Declaring a catalog, which opens its first build: the live one, with the encoder the service is set to."""

from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from app.domain.builds import Build, BuildState, IndexSpec
from app.domain.embeddings import EncoderSpec
from app.domain.errors import Conflict
from app.domain.products import Catalog
from app.ports.database import Database, Transaction
from app.ports.vectors import VectorStore
from app.services.make_collections import make_collections


def open_catalog(
    database: Database,
    store: VectorStore,
    catalog: Catalog,
    *,
    encoder: EncoderSpec,
    index: IndexSpec,
    keep_caption: bool = False,
) -> Catalog:
    """Create the catalog or add to its declaration. Safe to repeat. `keep_caption` leaves the caption as it is.

    Raises `Conflict` (`schema_change`) where a declared attribute would change its type or go, or the caption would
    change: products and embeddings that are stored rely on them.
    """
    with database.writing() as transaction:
        before = transaction.catalogs.get(catalog.name)
        if before is not None:
            if keep_caption:
                # One that lacks an attribute of the caption takes away what is declared, and is refused for that.
                kept = tuple(one for one in before.caption if one in catalog.attributes)
                catalog = replace(catalog, caption=kept)
            _check_change(before, catalog)
        transaction.catalogs.put(catalog)
        if transaction.builds.live(catalog.name) is None:
            _first_build(transaction, store, catalog.name, encoder, index, transaction.now)
    return catalog


def _first_build(
    transaction: Transaction, store: VectorStore, catalog: str, encoder: EncoderSpec, index: IndexSpec, now: datetime
) -> None:
    build = Build(uuid4().hex, catalog, BuildState.LIVE, encoder, index, now, takes_uploads=True, live_at=now)
    transaction.builds.add(build)
    # Inside the transaction: a build whose collections cannot be made is not there at all.
    make_collections(store, build)


def _check_change(before: Catalog, after: Catalog) -> None:
    for name, declared in before.attributes.items():
        now = after.attributes.get(name)
        if now != declared:
            told = "cannot be taken away" if now is None else f"cannot become {now.value}"
            raise Conflict(
                f"attribute {name} is declared as {declared.value} and {told}: declare another name beside it",
                code="schema_change",
                field=f"attributes.{name}",
            )
    if before.caption != after.caption:
        raise Conflict(
            "a catalog keeps the caption it was first declared with: leave it out, or declare another catalog",
            code="schema_change",
            field="caption",
        )
