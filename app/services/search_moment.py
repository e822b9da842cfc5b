"""What a query reads before anything else: its answer is no older than this.

The revision is read before the products that changed, and both only go on: what is read later is never older.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.builds import Build
from app.domain.filters import Filter
from app.domain.products import AttributeType
from app.services.catalog_columns import Snapshot
from app.services.search_legs import Plan


@dataclass(frozen=True, slots=True)
class Moment:
    """A catalog as a query finds it, and its filter and facets as the catalog's schema reads them."""

    build: Build
    products: Snapshot
    revision: int
    where: Filter | None
    facets: Mapping[str, AttributeType]

    @property
    def plan(self) -> Plan:
        """Where the query is answered. What passes its filter is looked up now."""
        return Plan(self.build, self.where, self.products.passing(self.where, list(self.facets)), self.facets)

    @property
    def state(self) -> str:
        """What the catalog has now, and never again once anything changes that a search finds or shows."""
        build = self.build
        return f"{build.catalog} {build.id} {build.index} {self.revision} {self.products.digest:x}"
