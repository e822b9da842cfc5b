"""The database port on SQLite and Postgres: queries that were asked, and queries that somebody judged."""

from app.adapters.postgres.database import SqlDatabase
from app.domain.queries import JudgedQuery
from app.domain.search import Fusion, Leg, SearchQuery

CHEAP = SearchQuery("a mug", filter={"price": {"lt": 8.5}, "any": [{"colour": "red"}, {"colour": "blue"}]})
ALIKE = SearchQuery("in blue", like="p:1", legs={Leg.IMAGE: 0.5, Leg.TEXT: 0.25}, fusion=Fusion.WEIGHTED)


def record(database: SqlDatabase, *queries: SearchQuery, keep: int = 10) -> None:
    with database.writing() as transaction:
        transaction.queries.record("shop", queries, keep=keep)


def recorded(database: SqlDatabase, catalog: str = "shop", most: int = 10) -> list[tuple[SearchQuery, int]]:
    with database.reading() as transaction:
        found = transaction.queries.recorded(catalog, most=most, hits=20)
        assert all(one.last_at <= transaction.now for one in found)
    return [(one.query, one.asked) for one in found]


def test_queries_are_counted_and_come_back_as_they_were_asked(database: SqlDatabase) -> None:
    record(database, CHEAP, ALIKE, ALIKE)
    record(database, SearchQuery("Tasse ☕ 杯子"), CHEAP, CHEAP)
    assert recorded(database) == [(CHEAP, 3), (ALIKE, 2), (SearchQuery("Tasse ☕ 杯子"), 1)]
    assert recorded(database, most=1) == [(CHEAP, 3)]
    assert recorded(database, catalog="another") == []


def test_the_queries_asked_last_are_kept(database: SqlDatabase) -> None:
    first, then, last = ([SearchQuery(f"{name} {n}") for n in range(3)] for name in ("first", "then", "last"))
    record(database, *first, keep=6)
    record(database, *then, keep=6)
    record(database, first[0], *last, keep=6)
    assert {query.text for query, _ in recorded(database)} >= {"first 0", "last 0", "last 1", "last 2"}
    assert len(recorded(database)) == 6
    assert not {query.text for query, _ in recorded(database)} & {"first 1", "first 2"}


def test_recorded_queries_can_be_forgotten(database: SqlDatabase) -> None:
    record(database, CHEAP, ALIKE)
    with database.writing() as transaction:
        transaction.queries.judge("shop", [JudgedQuery("a mug", {"p": 1})])
        assert transaction.queries.forget("another") == 0
        assert transaction.queries.forget("shop") == 2
    assert recorded(database) == []
    with database.reading() as transaction:
        assert transaction.queries.judged("shop") == [JudgedQuery("a mug", {"p": 1})]


def test_judged_queries_replace_those_before(database: SqlDatabase) -> None:
    mug, long = JudgedQuery("a mug", {"p:1": 3, "q": 0.5}), JudgedQuery("ü" * 2_000, {"p": 1})
    with database.writing() as transaction:
        transaction.queries.judge("shop", [long, mug])
        assert transaction.queries.judged("shop") == [mug, long]
        assert transaction.queries.judged("another") == []
        transaction.queries.judge("shop", [JudgedQuery("a mug", {"q": 2})])
        assert transaction.queries.judged("shop") == [JudgedQuery("a mug", {"q": 2})]
        transaction.queries.judge("shop", [])
        assert transaction.queries.judged("shop") == []
