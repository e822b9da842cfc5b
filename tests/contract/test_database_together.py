"""The database port on SQLite and Postgres under many writers and workers at once."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.adapters.postgres.database import SqlDatabase
from app.domain.uploads import Claim, Stage, UploadState
from tests.databases import accept
from tests.factories import an_upload

LEASE = timedelta(minutes=1)
PRODUCTS = [f"p{place}" for place in range(12)]


def side_by_side(*work: Callable[[], None]) -> None:
    """Run these in a thread each; what one of them dies of is raised here."""
    with ThreadPoolExecutor(len(work)) as threads:
        for running in [threads.submit(one) for one in work]:
            running.result()


def claim(database: SqlDatabase, stage: Stage, *, limit: int) -> list[Claim]:
    with database.writing() as transaction:
        return transaction.uploads.claim(stage, limit=limit, lease=LEASE)


def advance(database: SqlDatabase, stage: Stage, claims: list[Claim]) -> set[str]:
    with database.writing() as transaction:
        return transaction.uploads.advance(stage, claims)


def claimable(database: SqlDatabase) -> bool:
    with database.reading() as transaction:
        return any(transaction.uploads.due().values())


def states(database: SqlDatabase, product_id: str) -> dict[int, UploadState]:
    with database.reading() as transaction:
        found = transaction.uploads.page(state=None, catalog="shop", limit=1_000)
    return {one.version: one.state for one in found if one.product_id == product_id}


def writer(database: SqlDatabase, seed: int) -> Callable[[], None]:
    """Writes versions of products in an order of its own."""
    chance = random.Random(seed)

    def write() -> None:
        for _ in range(6):
            some = chance.sample(PRODUCTS, 8)
            with database.writing() as transaction:
                newest = transaction.products.lock("shop", some)
                uploads = [an_upload(one, newest[one].version + 1) for one in some]
                transaction.uploads.add("shop", uploads)
                transaction.products.save("shop", uploads)

    return write


def test_claims_of_many_workers_never_share_an_upload(database: SqlDatabase) -> None:
    accept(database, *(an_upload(f"p{place:03}") for place in range(300)))
    taken: list[str] = []

    def work() -> None:
        empty = 0
        while empty < 3:  # where another holds rows for a moment there seem to be none
            held = claim(database, Stage.ENCODE, limit=7)
            empty = 0 if held else empty + 1
            taken.extend(one.upload_id for one in held)
            advance(database, Stage.ENCODE, held)

    side_by_side(*[work] * 6)
    taken.extend(one.upload_id for one in claim(database, Stage.ENCODE, limit=300))
    assert set(Counter(taken).values()) == {1}
    assert len(taken) == 300


def test_a_row_that_is_locked_is_passed_over_and_not_waited_for(database: SqlDatabase) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    accept(database, an_upload("p"), an_upload("q"))
    with database.writing() as one:
        (first,) = one.uploads.claim(Stage.ENCODE, limit=1, lease=LEASE)
        (second,) = claim(database, Stage.ENCODE, limit=9)
    assert first.upload_id != second.upload_id


def test_many_writers_of_the_same_products_never_wait_for_each_other_in_a_ring(database: SqlDatabase) -> None:
    side_by_side(*(writer(database, seed) for seed in range(8)))
    for product_id in PRODUCTS:
        versions = states(database, product_id)
        assert sorted(versions) == list(range(1, len(versions) + 1))
        assert [version for version, state in versions.items() if state == "fetched"] == [len(versions)]


def test_writers_and_workers_together_leave_the_newest_of_every_product_indexed(database: SqlDatabase) -> None:
    written = threading.Event()

    def worker(stage: Stage) -> Callable[[], None]:
        def work() -> None:
            while not written.is_set() or claimable(database):
                advance(database, stage, claim(database, stage, limit=5))

        return work

    def write_all() -> None:
        try:
            side_by_side(*(writer(database, seed) for seed in range(3)))
        finally:
            written.set()

    side_by_side(write_all, *(worker(stage) for stage in (Stage.ENCODE, Stage.INDEX) for _ in range(2)))
    for product_id in PRODUCTS:
        versions = states(database, product_id)
        assert versions.pop(max(versions)) is UploadState.INDEXED
        assert set(versions.values()) <= {UploadState.INDEXED, UploadState.SUPERSEDED}
