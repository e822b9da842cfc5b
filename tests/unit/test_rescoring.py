"""An index that keeps less than the vectors says what to look at; the vectors that are stored say in which order."""

import random
from typing import Any

import pytest
from sqlalchemy import delete

from app.adapters.postgres.tables import embeddings
from app.domain.answers import Explanation
from app.domain.builds import Build, IndexSpec
from app.domain.embeddings import Vectors
from app.domain.search import BY_VECTOR, Candidate, Leg, SearchQuery
from app.ports.vectors import Neighbour
from tests.building import Shop
from tests.factories import a_picture, a_submission
from tests.fakes.encoders import COLOURS
from tests.pipelines import Pipeline
from tests.tuning import with_lists

QUERIES = (
    SearchQuery("a tall red mug", explain=True, limit=40),
    SearchQuery(image=a_picture("red", size=(9, 9)), explain=True, limit=40),
    SearchQuery(like="p3", explain=True, limit=40),
)


@pytest.fixture
def shop(pipeline: Pipeline) -> Shop:
    """Thirty products of drawn words and up to three pictures."""
    draw = random.Random(11)
    for number in range(30):
        words = " ".join(draw.sample(("mug", "bowl", "tall", "small", "striped", "old", *COLOURS), 4))
        pictures = [a_picture(draw.choice(list(COLOURS)), size=(8 + number, 20 + n)) for n in range(number % 4)]
        pipeline.accept(a_submission(f"p{number}", words, pictures=pictures, attributes={"price": number}))
    pipeline.work()
    return Shop(pipeline)


def coarsen(shop: Shop, patch: pytest.MonkeyPatch) -> None:
    """From now on the store scores as an index of one digit would: many rows the same, and some in another order."""
    search = shop.pipeline.store.search

    def rounded(collection: str, queries: Vectors, **named: Any) -> list[list[Neighbour]]:
        answers = search(collection, queries, **named)
        told = [[row._replace(score=round(row.score, 1) + len(row.id) / 100) for row in answer] for answer in answers]
        return [sorted(answer, key=lambda row: -row.score) for answer in told]

    patch.setattr(shop.pipeline.store, "search", rounded)


def asked(shop: Shop, query: SearchQuery) -> list[tuple[str, float]]:
    return [(hit.product.product_id, hit.score) for hit in shop.pipeline.search(query).hits]


def explained(shop: Shop, query: SearchQuery) -> dict[str, Explanation]:
    hits = shop.pipeline.search(query).hits
    return {hit.product.product_id: hit.explanation for hit in hits if hit.explanation is not None}


def candidates(shop: Shop, query: SearchQuery) -> dict[Leg, dict[str, Candidate]]:
    searcher = shop.pipeline.searcher
    plan = searcher.plan("shop", query)
    found = searcher.legs.search(plan, query, searcher.encoder.vectors(plan.build, query))
    return {leg: {one.product_id: one for one in some} for leg, some in found.items() if leg in BY_VECTOR}


@pytest.mark.parametrize("query", QUERIES, ids=["words", "picture", "product"])
def test_a_quantised_index_ranks_as_the_vectors_do(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, query: SearchQuery
) -> None:
    exact = candidates(shop, query)
    with_lists(shop, "IVF_SQ8")
    coarsen(shop, monkeypatch)
    found = candidates(shop, query)
    assert found.keys() == exact.keys() == set(BY_VECTOR)
    for leg, some in found.items():
        assert {name: one.score for name, one in some.items()} == pytest.approx(
            {name: one.score for name, one in exact[leg].items()}, abs=1e-6
        )
        scores = [one.score for one in some.values()]
        assert scores == sorted(scores, reverse=True)
        assert [one.rank for one in some.values()] == [1 + sum(other > score for other in scores) for score in scores]
        assert [one.approximate for one in some.values()] != sorted(
            (one.approximate for one in some.values()), key=float, reverse=True
        )


def test_products_of_one_content_share_a_rank(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.pipeline.accept(*(a_submission(f"same{number}", "an old striped bowl") for number in range(7)))
    shop.pipeline.work()
    with_lists(shop, "IVF_SQ8")
    coarsen(shop, monkeypatch)
    found = candidates(shop, SearchQuery("tall red", limit=40))[Leg.TEXT]
    assert len({found[f"same{number}"].rank for number in range(7)}) == 1


def test_an_explanation_tells_what_the_index_said_and_what_decided(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_lists(shop, "IVF_SQ8")
    coarsen(shop, monkeypatch)
    query = QUERIES[0]
    told, found = explained(shop, query), candidates(shop, query)
    for leg, some in found.items():
        for name, one in some.items():
            place = told[name].legs[leg]
            assert (place.rank, place.score) == (one.rank, one.approximate)
            assert place.exact_score == pytest.approx(one.score, abs=1e-6)


def test_an_index_of_whole_vectors_is_taken_at_its_word(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    query = SearchQuery("a tall red mug", legs={Leg.TEXT: 1.0})
    before = asked(shop, query)
    with_lists(shop, "IVF_FLAT")
    coarsen(shop, monkeypatch)
    assert asked(shop, query) != before


def test_a_product_whose_vector_is_not_stored_keeps_what_the_index_said(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = with_lists(shop, "IVF_SQ8")
    query = SearchQuery(image=a_picture("red", size=(9, 9)), legs={Leg.TEXT: 1.0}, limit=40)
    whole = {name for name, _ in asked(shop, query)}
    coarsen(shop, monkeypatch)
    forget(shop, build)
    assert {name for name, _ in asked(shop, query)} == whole


def forget(shop: Shop, build: Build) -> None:
    """Lose the vectors of every second content."""
    engine = shop.pipeline.database.engine.execution_options(vitrine_writes=True)
    with engine.begin() as connection:
        found = connection.execute(embeddings.select().order_by(embeddings.c.content_hash)).all()
        lost = [row.content_hash for row in found if row.fingerprint == build.encoder.fingerprint][::2]
        connection.execute(delete(embeddings).where(embeddings.c.content_hash.in_(lost)))


def test_of_few_products_each_is_compared_as_it_is_stored(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    query, depth = SearchQuery("a tall red mug", filter={"price": {"lt": 25}}), 5

    def first() -> dict[Leg, list[str]]:
        searcher = shop.pipeline.searcher
        plan = searcher.plan("shop", query)
        asked = searcher.legs.ask(plan, query, searcher.encoder.vectors(plan.build, query), depth=depth)
        return {leg: [one.product_id for one in asked[leg].result()] for leg in BY_VECTOR}

    exact = first()
    assert [len(some) for some in exact.values()] == [depth, depth]
    with_lists(shop, "IVF_SQ8")
    monkeypatch.setattr(IndexSpec, "coarse", True)  # as IVF_PQ is, which only a server has
    search = shop.pipeline.store.search

    def upside_down(collection: str, queries: Vectors, *, limit: int, **named: Any) -> list[list[Neighbour]]:
        answers = search(collection, queries, limit=10_000, **named)
        return [[row._replace(score=-row.score) for row in reversed(answer)][:limit] for answer in answers]

    monkeypatch.setattr(shop.pipeline.store, "search", upside_down)
    assert first() == exact
