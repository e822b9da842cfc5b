"""After an import the store is told to index what came: until then a search finds it slowly or roughly.

A Milvus server does so by itself once a hundred thousand rows or so have come, or none for ten minutes.
"""

import logging

from app.domain.builds import BuildState
from app.domain.errors import Unavailable
from app.ports.database import Database
from app.ports.vectors import VectorStore
from app.services.build_faults import INDEX_LOST

log = logging.getLogger(__name__)

LEAST = 1_000
"""Rows that are worth it: fewer are compared one by one in a millisecond, and every seal makes a segment."""


def seal_imports(database: Database, store: VectorStore) -> None:
    """Seal the collections of catalogs that no upload is on its way to.

    A build that is being filled is sealed on its way; a store that does not answer is asked again next time. Rows
    that were written over others may not count: a server seals those by itself.
    """
    with database.reading() as transaction:
        busy = transaction.uploads.busy()
        builds = [one for one in transaction.builds.taking() if one.state is not BuildState.BUILDING]
    for collection in [name for build in builds if build.catalog not in busy for name in build.collections]:
        try:
            rows = store.unsealed(collection)
            if rows >= LEAST:
                store.seal(collection)
                log.info("import.sealed", extra={"collection": collection, "rows": rows})
        except Unavailable as error:
            log.warning("import.not_sealed", extra={"collection": collection, "detail": error.detail})
            if error.code != INDEX_LOST:  # no other collection can be had then, and each would be waited for
                return
