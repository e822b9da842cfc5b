"""The database port on SQLite and Postgres under many writers and workers at once."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.adapters.postgres.database import SqlDatabase
from app.domain.errors import Conflict, DatabaseUnavailable, VitrineError
from app.domain.uploads import TERMINAL, Claim, Stage, Upload, UploadState
from app.ports.blobs import Blob, Store
from app.services.record_uploads import Checked, record
from tests.databases import accept
from tests.factories import a_catalog, a_product, a_submission, an_upload
from tests.fakes.blobs import MemoryBlobs

LEASE = timedelta(minutes=1)
OVER = timedelta(seconds=-1)  # a delay that is over
PRODUCTS = [f"p{place}" for place in range(12)]


def side_by_side(*work: Callable[[], None]) -> None:
    """Run these in a thread each; what one of them dies of is raised here."""
    with ThreadPoolExecutor(len(work)) as threads:
        for running in [threads.submit(one) for one in work]:
            running.result()


def test_what_is_committed_late_is_told_too(database: SqlDatabase) -> None:
    """Its transaction has a lower number than one that others have seen already."""
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")

    def changed(since: str | None) -> tuple[set[str], str]:
        with database.reading() as transaction:
            changes = transaction.products.changed("shop", since)
        return {one.product_id for one in changes.products}, changes.mark

    _, mark = changed(None)
    with database.writing() as slow:
        late = an_upload("late")
        slow.products.lock("shop", ["late"])
        accept(database, an_upload("quick"))
        found, mark = changed(mark)
        assert found == {"quick"}
        slow.uploads.add("shop", [late])
        slow.products.save("shop", [late])
    accept(database, an_upload("last"))
    found, mark = changed(mark)
    assert found == {"late", "last"}
    assert changed(mark)[0] == set()


def test_what_was_told_is_not_told_again_beside_a_transaction_that_goes_on(database: SqlDatabase) -> None:
    """Wherever in the cluster it is: the oldest number that is open stays where it is."""
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with database.writing() as slow:
        slow.products.lock("shop", ["late"])
        accept(database, an_upload("p"), an_upload("q"))
        with database.reading() as transaction:
            mark = transaction.products.changed("shop", None).mark
        accept(database, an_upload("r"))
        with database.reading() as transaction:
            changes = transaction.products.changed("shop", mark)
            assert [one.product_id for one in changes.products] == ["r"]
            assert transaction.products.changed("shop", changes.mark).products == []


def test_who_began_to_read_before_others_wrote_sets_nobody_back(database: SqlDatabase) -> None:
    with database.reading() as early:
        early.catalogs.get("shop")  # on SQLite it goes on seeing this moment
        accept(database, an_upload("p"))
        with database.reading() as late:
            mark = late.products.changed("shop", None).mark
        changes = early.products.changed("shop", mark)
        assert (changes.whole, changes.products) == (False, [])
        accept(database, an_upload("q"))
        with database.reading() as late:
            assert [one.product_id for one in late.products.changed("shop", changes.mark).products] == ["q"]


def test_a_copy_of_another_cluster_is_read_whole_and_then_not_again(database: SqlDatabase) -> None:
    """Its rows say numbers that this cluster has not come to, and a reader may have a mark of the other's."""
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite's file is this process's alone")
    accept(database, an_upload("p"), an_upload("q"))
    far = 2**62
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE products DISABLE TRIGGER products_changed"))
        connection.execute(text(f"UPDATE products SET changed = {far}"))
        connection.execute(text("ALTER TABLE products ENABLE TRIGGER products_changed"))
    with database.reading() as transaction:
        changes = transaction.products.changed("shop", f"{far}:{far}:")
        assert (changes.whole, len(changes.products)) == (True, 2)
        assert transaction.products.changed("shop", changes.mark).products == []
    accept(database, an_upload("r"))
    with database.reading() as transaction:
        again = transaction.products.changed("shop", changes.mark)
    assert (again.whole, [one.product_id for one in again.products]) == (False, ["r"])


def claim(database: SqlDatabase, stage: Stage, *, limit: int) -> list[Claim]:
    with database.writing() as transaction:
        return transaction.uploads.claim(stage, limit=limit, lease=LEASE)


def advance(database: SqlDatabase, stage: Stage, claims: list[Claim]) -> set[str]:
    with database.writing() as transaction:
        return transaction.uploads.advance(stage, claims)


def unfinished(database: SqlDatabase) -> bool:
    """Whether anything waits, or is held by a worker that will pass it on to the next stage."""
    with database.reading() as transaction:
        return any(count for state, count in transaction.uploads.counts().items() if state not in TERMINAL)


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
    written, died = threading.Event(), threading.Event()

    def worker(stage: Stage) -> Callable[[], None]:
        def work() -> None:
            try:
                while not died.is_set() and (not written.is_set() or unfinished(database)):
                    advance(database, stage, claim(database, stage, limit=5))
            except BaseException:
                died.set()  # or the others would wait for what this one alone can take
                raise

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


def test_workers_that_hold_the_newest_of_what_the_other_began_never_wait_in_a_ring(database: SqlDatabase) -> None:
    mine, others = ([f"{letter}{place:03}" for place in range(120)] for letter in "pq")

    def accept_and_claim(version: int, product_ids: list[str]) -> list[Claim]:
        accept(database, *(an_upload(one, version, state=UploadState.ENCODED) for one in product_ids))
        return claim(database, Stage.INDEX, limit=1_000)

    old, others_old = (accept_and_claim(1, ids) for ids in (mine, others))
    others_new, new = (accept_and_claim(2, ids) for ids in (mine, others))
    together = threading.Barrier(2)

    def worker(claims: list[Claim]) -> Callable[[], None]:
        def work() -> None:
            together.wait()
            with database.writing() as transaction:
                transaction.uploads.bury(claims, {})
                transaction.uploads.advance(Stage.INDEX, claims)

        return work

    side_by_side(worker(old + new), worker(others_old + others_new))
    while held := claim(database, Stage.INDEX, limit=1_000):
        advance(database, Stage.INDEX, held)
    for product_id in mine + others:
        assert states(database, product_id) == {1: UploadState.SUPERSEDED, 2: UploadState.INDEXED}


def test_a_claim_waits_for_no_worker_that_holds_something_newer(database: SqlDatabase) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    accept(database, an_upload("p", 1, state=UploadState.ENCODED))
    old = claim(database, Stage.INDEX, limit=1)
    accept(database, an_upload("p", 2, state=UploadState.ENCODED))
    new = claim(database, Stage.INDEX, limit=1)
    with database.writing() as transaction:
        transaction.uploads.release(old, delay=OVER, blameless=False)
    with ThreadPoolExecutor(1) as threads, database.writing() as another:
        another.uploads.advance(Stage.INDEX, new)
        assert threads.submit(claim, database, Stage.INDEX, limit=9).result(timeout=10) == []
    assert [one.version for one in claim(database, Stage.INDEX, limit=9)] == [2]
    assert states(database, "p") == {1: UploadState.SUPERSEDED, 2: UploadState.ENCODED}


def test_a_ring_that_the_server_breaks_counts_as_an_outage_that_can_be_tried_again(database: SqlDatabase) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    accept(database, an_upload("p"), an_upload("q"))
    together = threading.Barrier(2)
    broken: list[DatabaseUnavailable] = []

    def lock(*product_ids: str) -> Callable[[], None]:
        def work() -> None:
            try:
                with database.writing() as transaction:
                    transaction.products.lock("shop", product_ids[:1])
                    together.wait()
                    transaction.products.lock("shop", product_ids[1:])
            except DatabaseUnavailable as error:
                broken.append(error)

        return work

    side_by_side(lock("p", "q"), lock("q", "p"))
    assert len(broken) == 1


class MeetingBlobs(MemoryBlobs):
    """Keeps every writer for a moment, so that another can catch up with it."""

    def __init__(self) -> None:
        super().__init__()
        self._together = threading.Barrier(2)

    @contextmanager
    def staged(self, blobs: Mapping[str, Blob]) -> Iterator[Store]:
        def store(_: Collection[str]) -> None:
            with suppress(threading.BrokenBarrierError):
                self._together.wait(timeout=0.5)

        yield store


def test_of_two_requests_with_one_idempotency_key_at_once_one_is_refused(database: SqlDatabase) -> None:
    blobs = MeetingBlobs()
    outcomes: list[Upload | VitrineError] = []

    def request(product_id: str) -> Callable[[], None]:
        checked = Checked(a_submission(product_id, idempotency_key="key"), a_product(product_id))
        return lambda: outcomes.extend(record(database, blobs, a_catalog(), [checked]))

    side_by_side(request("p"), request("q"))
    (accepted,) = [one for one in outcomes if isinstance(one, Upload)]
    (refused,) = [one for one in outcomes if isinstance(one, VitrineError)]
    assert (type(refused), refused.code) == (Conflict, "idempotency_key_reused")
    assert [states(database, one) for one in ("p", "q") if one != accepted.product_id] == [{}]
