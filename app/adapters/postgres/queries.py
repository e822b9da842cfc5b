"""Recorded and judged queries as rows."""

import hashlib
from collections import Counter
from collections.abc import Sequence

import orjson
from sqlalchemy import Connection, delete, select

from app.adapters.postgres.clock import Clock
from app.adapters.postgres.statements import insert
from app.adapters.postgres.tables import judged_queries, recorded_queries
from app.domain.queries import JudgedQuery, RecordedQuery, query_of, told_of
from app.domain.search import SearchQuery


class QueryRows:
    """`Queries` of the port."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def record(self, catalog: str, queries: Sequence[SearchQuery], *, keep: int) -> None:
        """Count queries that were asked, and drop those beyond the `keep` asked last."""
        asked = [(_digest(told), told) for told in map(told_of, queries)]
        documents, counted = dict(asked), Counter(name for name, _ in asked)
        statement = insert(self._connection, recorded_queries)
        counting = {
            "asked": recorded_queries.c.asked + statement.excluded.asked,
            "last_at": statement.excluded.last_at,
        }
        rows = [
            {"catalog": catalog, "digest": name, "query": documents[name], "asked": n, "last_at": self._clock.now}
            for name, n in sorted(counted.items())
        ]
        upsert = statement.on_conflict_do_update(index_elements=["catalog", "digest"], set_=counting)
        self._connection.execute(upsert, rows)
        mine = recorded_queries.c.catalog == catalog
        newest_first = (recorded_queries.c.last_at.desc(), recorded_queries.c.digest)
        beyond = select(recorded_queries.c.digest).where(mine).order_by(*newest_first).offset(keep)
        superfluous = sorted(self._connection.scalars(beyond).all())
        if superfluous:
            self._connection.execute(delete(recorded_queries).where(mine, recorded_queries.c.digest.in_(superfluous)))

    def recorded(self, catalog: str, *, most: int, hits: int) -> list[RecordedQuery]:
        """The queries that were asked most."""
        statement = (
            select(recorded_queries)
            .where(recorded_queries.c.catalog == catalog)
            .order_by(recorded_queries.c.asked.desc(), recorded_queries.c.last_at.desc(), recorded_queries.c.digest)
            .limit(most)
        )
        rows = self._connection.execute(statement)
        return [RecordedQuery(query_of(row.query, limit=hits), row.asked, row.last_at) for row in rows]

    def forget(self, catalog: str) -> int:
        """Drop the queries that were asked."""
        mine = recorded_queries.c.catalog == catalog
        return self._connection.execute(delete(recorded_queries).where(mine)).rowcount

    def judge(self, catalog: str, judged: Sequence[JudgedQuery]) -> None:
        """Put these judged queries in the place of all that there were."""
        self._connection.execute(delete(judged_queries).where(judged_queries.c.catalog == catalog))
        rows = [
            {"catalog": catalog, "digest": _digest(one.text), "text": one.text, "grades": dict(one.grades)}
            for one in judged
        ]
        if rows:
            self._connection.execute(insert(self._connection, judged_queries), rows)

    def judged(self, catalog: str) -> list[JudgedQuery]:
        """The judged queries, by their words."""
        mine = judged_queries.c.catalog == catalog
        statement = select(judged_queries).where(mine).order_by(judged_queries.c.text, judged_queries.c.digest)
        return [JudgedQuery(row.text, row.grades) for row in self._connection.execute(statement)]


def _digest(told: object) -> str:
    """What one document has and no other: keys of an index have bounds, words of a shopper hardly."""
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()
