"""A query, and the catalog that it found."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.facets import check_facets
from app.domain.filters import Filter, parse_filter
from app.domain.grouping import check_grouping
from app.domain.products import AttributeType
from app.domain.search import SearchQuery
from app.services.catalog_now import CatalogNow
from app.services.search_legs import Plan


@dataclass(frozen=True, slots=True)
class Moment:
    """A catalog as a query finds it, and its filter and facets as the catalog's schema reads them."""

    now: CatalogNow
    where: Filter | None
    facets: Mapping[str, AttributeType]

    @property
    def plan(self) -> Plan:
        """Where the query is answered. What passes its filter is looked up now."""
        passing = self.now.products.passing(self.where, list(self.facets))
        return Plan(self.now.build, self.where, passing, self.facets)

    @property
    def state(self) -> str:
        """What the catalog has now, and never again once anything changes that a search finds or shows."""
        build = self.now.build
        return f"{build.catalog} {build.id} {build.index} {self.now.revision} {self.now.products.digest:x}"


def moment_of(query: SearchQuery, now: CatalogNow) -> Moment:
    """Read a query as the schema of the catalog says. Raises `Invalid`."""
    schema = now.catalog.attributes
    where = parse_filter(query.filter, schema) if query.filter else None
    facets = check_facets(query.facets, schema)
    if query.group is not None:
        check_grouping(query.group, schema)
    return Moment(now, where, facets)
