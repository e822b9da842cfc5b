"""What every query reads before anything else: its answer is no older than this."""

from dataclasses import dataclass

from app.domain.builds import Build
from app.domain.products import Catalog, unknown_catalog
from app.ports.database import Database
from app.services.catalog_columns import CatalogColumns, Snapshot
from app.services.shared_reads import SharedReads


@dataclass(frozen=True, slots=True)
class CatalogNow:
    """A catalog as it was declared, the build that answers, and the products.

    The `revision` is read before the products that changed, and both only go on: what is read later is never older.
    """

    catalog: Catalog
    build: Build
    revision: int
    products: Snapshot


class CatalogReader:
    """Reads catalogs as they are now, once for all queries that begin together. Safe to use from several threads."""

    def __init__(self, database: Database, columns: CatalogColumns) -> None:
        self._database = database
        self._columns = columns
        self._reads = SharedReads[CatalogNow]()

    def now(self, catalog: str) -> CatalogNow:
        """A catalog, no older than this call. Raises `NotFound` (`unknown_catalog`)."""
        return self._reads.read(catalog, lambda: self._read(catalog))

    def refresh(self) -> None:
        """Bring the columns of all catalogs up to date, so that no query has much to read.

        Raises `DatabaseUnavailable`.
        """
        with self._database.reading() as transaction:
            names = [catalog.name for catalog, _ in transaction.catalogs.all()]
        for name in names:
            with self._database.reading() as transaction:
                self._columns.snapshot(transaction, name)

    def _read(self, catalog: str) -> CatalogNow:
        known = self._columns.known(catalog)
        with self._database.reading() as transaction:
            searched = transaction.builds.searched(catalog, known.mark)
            if searched is None:
                raise unknown_catalog(catalog)
            declared, build, revision, changes = searched
            products = known.with_changes(changes) or self._columns.snapshot(transaction, catalog)
        return CatalogNow(declared, build, revision, products)
