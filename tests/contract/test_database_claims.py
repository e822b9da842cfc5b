"""The database port on SQLite and Postgres: claims, leases, attempts and death."""

from datetime import UTC, datetime, timedelta

from app.adapters.postgres.database import SqlDatabase
from app.domain.uploads import MAX_ATTEMPTS, Claim, Picture, Stage, Upload, UploadKind, UploadState
from app.ports.uploads import Failure
from tests.databases import accept
from tests.factories import a_product, an_upload

LEASE = timedelta(minutes=1)
OVER = timedelta(seconds=-1)  # a lease that has ended, a delay that is over
BAD = Failure("bad_vector", "the vector is bad")


def claim(
    database: SqlDatabase, stage: Stage = Stage.ENCODE, *, limit: int = 100, lease: timedelta = LEASE
) -> list[Claim]:
    with database.writing() as transaction:
        return transaction.uploads.claim(stage, limit=limit, lease=lease)


def advance(database: SqlDatabase, stage: Stage, claims: list[Claim]) -> set[str]:
    with database.writing() as transaction:
        return transaction.uploads.advance(stage, claims)


def receipt(database: SqlDatabase, upload_id: str) -> Upload:
    with database.reading() as transaction:
        return transaction.uploads.get([upload_id])[upload_id]


def test_a_claim_holds_the_product_and_the_pictures_of_its_version(database: SqlDatabase) -> None:
    pictures = (Picture(0, content_hash="a" * 64, width=1, height=2), Picture(1, url="https://example.org/b"))
    upload = an_upload(a_product("p", price=3), pictures=pictures, state=UploadState.ACCEPTED)
    accept(database, upload)
    assert claim(database, Stage.ENCODE) == []
    (held,) = claim(database, Stage.INTAKE)
    assert (held.upload_id, held.catalog, held.version, held.kind) == (upload.upload_id, "shop", 1, UploadKind.UPSERT)
    assert (held.product, held.pictures, held.attempts) == (upload.product, pictures, 1)


def test_an_upload_passes_every_stage_once_and_its_receipt_tells_when(database: SqlDatabase) -> None:
    upload = an_upload(state=UploadState.ACCEPTED)
    accept(database, upload)
    for stage in Stage:
        held = claim(database, stage)
        assert claim(database, stage) == []
        assert advance(database, stage, held) == {upload.upload_id}
        assert advance(database, stage, held) == set()
    told = receipt(database, upload.upload_id)
    assert (told.state, told.attempts) == (UploadState.INDEXED, 0)
    times = [told.stages[state] for state in (UploadState.ACCEPTED, "fetched", "encoded", "indexed")]
    assert times == sorted(times)


def test_an_upload_whose_lease_ended_is_taken_over_and_its_first_worker_cannot_move_it(database: SqlDatabase) -> None:
    upload = an_upload()
    accept(database, upload)
    (lost,) = claim(database, lease=OVER)
    (held,) = claim(database)
    assert (held.upload_id, held.attempts) == (lost.upload_id, 2)
    assert advance(database, Stage.ENCODE, [lost]) == set()
    with database.writing() as transaction:
        transaction.uploads.bury([lost], {upload.upload_id: BAD})
        transaction.uploads.release([lost], delay=OVER, blameless=True)
        transaction.uploads.encode_again([lost])
    assert receipt(database, upload.upload_id).attempts == 2
    assert claim(database) == []
    assert advance(database, Stage.ENCODE, [held]) == {upload.upload_id}


def test_a_worker_that_lost_its_lease_does_not_kill_what_another_finished(database: SqlDatabase) -> None:
    upload = an_upload(state=UploadState.ENCODED)
    accept(database, upload)
    lost = claim(database, Stage.INDEX, lease=OVER)
    advance(database, Stage.INDEX, claim(database, Stage.INDEX))
    with database.writing() as transaction:
        transaction.uploads.bury(lost, {upload.upload_id: BAD})
    advance(database, Stage.INDEX, lost)
    assert receipt(database, upload.upload_id).state is UploadState.INDEXED


def test_released_uploads_wait_and_keep_their_attempt_unless_they_are_blameless(database: SqlDatabase) -> None:
    accept(database, an_upload("blamed"), an_upload("blameless"), an_upload("later"))
    held = {one.product.product_id: one for one in claim(database)}
    with database.writing() as transaction:
        transaction.uploads.release([held["blamed"]], delay=OVER, blameless=False)
        transaction.uploads.release([held["blameless"]], delay=OVER, blameless=True)
        transaction.uploads.release([held["later"]], delay=LEASE, blameless=True)
        assert transaction.uploads.due()[Stage.ENCODE] == 2
    again = {one.product.product_id: one.attempts for _ in range(2) for one in claim(database)}
    assert again == {"blamed": 2, "blameless": 1}


def test_an_upload_that_waits_tells_why_and_until_when_by_the_worker_that_held_it(database: SqlDatabase) -> None:
    why, other = an_upload("p"), an_upload("q")
    accept(database, why, other)
    reasons = {why.upload_id: Failure("fetch_failed", "503"), other.upload_id: Failure("index_lost", "wait")}
    with database.writing() as transaction:
        held = transaction.uploads.claim(Stage.ENCODE, limit=2, lease=LEASE)
        transaction.uploads.release(held, delay=LEASE, blameless=False, reasons=reasons)
    for told in (receipt(database, one) for one in reasons):
        assert (told.state, told.attempts) == (UploadState.FETCHED, 1)
        assert Failure(told.error_code or "", told.error_detail or "") == reasons[told.id]
        assert told.next_attempt_at is not None
        assert told.next_attempt_at > datetime.now(UTC)
    with database.writing() as transaction:
        transaction.uploads.forget_leases()
        transaction.uploads.release(held, delay=OVER, blameless=False, reasons={why.upload_id: BAD})  # held no more
    assert receipt(database, why.upload_id).error_code == "fetch_failed"


def test_what_moves_on_or_back_has_no_failure_any_more(database: SqlDatabase) -> None:
    on, back = an_upload("on", state=UploadState.ENCODED), an_upload("back", state=UploadState.ENCODED)
    accept(database, on, back)
    with database.writing() as transaction:
        held = transaction.uploads.claim(Stage.INDEX, limit=2, lease=LEASE)
        transaction.uploads.release(held, delay=OVER, blameless=True, reasons={one.upload_id: BAD for one in held})
    again = {one.product.product_id: one for one in claim(database, Stage.INDEX)}
    told = receipt(database, on.upload_id)
    assert (told.error_code, told.next_attempt_at) == (BAD.code, None)  # it is being tried
    with database.writing() as transaction:
        transaction.uploads.advance(Stage.INDEX, [again["on"]])
        transaction.uploads.encode_again([again["back"]])
    for one in (on, back):
        told = receipt(database, one.upload_id)
        assert (told.error_code, told.error_detail, told.next_attempt_at) == (None, None, None)


def test_groups_shrink_with_every_attempt_until_each_upload_is_alone(database: SqlDatabase) -> None:
    accept(database, *(an_upload(f"p{place:02}") for place in range(40)))
    sizes = [len(claim(database, limit=64, lease=OVER)) for _ in range(4)]
    # Those of the second group are due first again, with two attempts by then; and so on.
    assert sizes == [40, 8, 8, 8]


def test_uploads_of_different_attempts_are_never_in_one_group(database: SqlDatabase) -> None:
    accept(database, an_upload("old"))
    claim(database, lease=OVER)
    accept(database, an_upload("new"))
    assert {len(claim(database, limit=64)) for _ in range(2)} == {1}


def test_an_upload_that_outlives_its_attempts_is_dead_and_can_be_tried_again(database: SqlDatabase) -> None:
    upload = an_upload()
    accept(database, upload)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        (held,) = claim(database, lease=OVER)
        assert held.attempts == attempt
    assert claim(database) == []
    told = receipt(database, upload.upload_id)
    assert (told.state, told.error_code) == (UploadState.DEAD, "attempts_exhausted")
    assert told.next_attempt_at is None
    with database.writing() as transaction:
        assert transaction.uploads.retry(upload.upload_id)
        assert not transaction.uploads.retry(upload.upload_id)
    told = receipt(database, upload.upload_id)
    assert (told.state, told.error_code, told.attempts) == (UploadState.ACCEPTED, None, 0)
    assert UploadState.DEAD not in told.stages
    assert [one.upload_id for one in claim(database, Stage.INTAKE)] == [upload.upload_id]


def test_what_is_dead_of_its_attempts_keeps_the_last_reason_that_was_told(database: SqlDatabase) -> None:
    upload = an_upload()
    accept(database, upload)
    for _ in range(MAX_ATTEMPTS):
        with database.writing() as transaction:
            held = transaction.uploads.claim(Stage.ENCODE, limit=1, lease=LEASE)
            transaction.uploads.release(held, delay=OVER, blameless=False, reasons={upload.upload_id: BAD})
    assert claim(database) == []
    told = receipt(database, upload.upload_id)
    assert told.error_code == "attempts_exhausted"
    assert BAD.detail in (told.error_detail or "")


def test_the_exhausted_do_not_hide_the_others(database: SqlDatabase) -> None:
    accept(database, an_upload("poison"))
    for _ in range(MAX_ATTEMPTS):
        claim(database, lease=OVER)
    accept(database, an_upload("good"))
    assert [one.product.product_id for one in claim(database, limit=1)] == ["good"]


def test_a_dead_upload_keeps_its_reason_and_its_product(database: SqlDatabase) -> None:
    upload = an_upload(pictures=[Picture(0, content_hash="a" * 64)])
    accept(database, upload)
    with database.writing() as transaction:
        transaction.uploads.bury(
            transaction.uploads.claim(Stage.ENCODE, limit=1, lease=LEASE), {upload.upload_id: BAD}
        )
    told = receipt(database, upload.upload_id)
    assert (told.state, told.error_code, told.error_detail) == (UploadState.DEAD, BAD.code, BAD.detail)
    with database.reading() as transaction:
        stored = transaction.products.get("shop", ["p"])["p"]
    assert (stored.state, len(stored.pictures)) == (UploadState.DEAD, 1)


def test_only_a_dead_upload_that_is_the_newest_can_be_tried_again(database: SqlDatabase) -> None:
    dead, living = an_upload("p"), an_upload("q")
    accept(database, dead, living)
    with database.writing() as transaction:
        claims = transaction.uploads.claim(Stage.ENCODE, limit=2, lease=LEASE)
        transaction.uploads.bury(claims, {dead.upload_id: BAD})
    accept(database, an_upload("p", 2))
    with database.writing() as transaction:
        assert not transaction.uploads.retry(dead.upload_id)
        assert not transaction.uploads.retry(living.upload_id)
        assert not transaction.uploads.retry("none")


def test_what_lacks_an_embedding_is_encoded_again_from_its_first_attempt(database: SqlDatabase) -> None:
    upload = an_upload(state=UploadState.ENCODED)
    accept(database, upload)
    held = claim(database, Stage.INDEX)
    with database.writing() as transaction:
        transaction.uploads.encode_again(held)
        transaction.uploads.encode_again([])
    assert claim(database, Stage.INDEX) == []
    assert [one.attempts for one in claim(database, Stage.ENCODE)] == [1]


def test_the_only_worker_ends_every_lease_when_it_starts(database: SqlDatabase) -> None:
    accept(database, an_upload("p"), an_upload("q"))
    claim(database)
    with database.writing() as transaction:
        transaction.uploads.forget_leases()
    assert {one.product.product_id for _ in range(2) for one in claim(database, limit=1)} == {"p", "q"}


def test_pages_of_receipts_go_from_the_newest_to_the_oldest_and_miss_none(database: SqlDatabase) -> None:
    accept(database, *(an_upload(f"p{place}") for place in range(5)))  # all of one moment
    accept(database, an_upload("last"))
    accept(database, an_upload("p0", 2, kind=UploadKind.DELETE, state=UploadState.ENCODED))
    with database.reading() as transaction:
        seen: list[Upload] = []
        while page := transaction.uploads.page(
            state=None, catalog="shop", limit=2, after=seen[-1].id if seen else None
        ):
            seen += page
        assert len({one.id for one in seen}) == len(seen) == 7
        assert [one.product_id for one in seen[:2]] == ["p0", "last"]
        superseded = transaction.uploads.page(state=UploadState.SUPERSEDED, catalog=None, limit=9)
        assert [(one.product_id, one.version) for one in superseded] == [("p0", 1)]
        assert transaction.uploads.page(state=None, catalog="another", limit=9) == []
        counts = transaction.uploads.counts("shop")
        assert (counts[UploadState.FETCHED], counts[UploadState.SUPERSEDED], counts[UploadState.ENCODED]) == (5, 1, 1)
        assert sum(transaction.uploads.counts("another").values()) == 0
        assert transaction.uploads.counts() == counts


def test_a_catalog_is_busy_until_its_uploads_have_ended(database: SqlDatabase) -> None:
    def busy() -> set[str]:
        with database.reading() as transaction:
            return transaction.uploads.busy()

    assert busy() == set()
    accept(database, an_upload(a_product("p"), state=UploadState.ENCODED))
    assert busy() == {"shop"}
    claims = claim(database, Stage.INDEX)
    assert busy() == {"shop"}
    advance(database, Stage.INDEX, claims)
    assert busy() == set()
