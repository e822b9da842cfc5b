"""The database port on SQLite and Postgres: versions that overtake each other."""

from datetime import timedelta

import pytest

from app.adapters.postgres.database import SqlDatabase
from app.domain.uploads import Claim, Stage, UploadKind, UploadState
from app.ports.uploads import Failure
from tests.databases import accept
from tests.factories import an_upload

LEASE = timedelta(minutes=1)
OVER = timedelta(seconds=-1)


def claim(database: SqlDatabase, stage: Stage, *, lease: timedelta = LEASE) -> list[Claim]:
    with database.writing() as transaction:
        return transaction.uploads.claim(stage, limit=100, lease=lease)


def advance(database: SqlDatabase, claims: list[Claim], stage: Stage = Stage.INDEX) -> set[str]:
    with database.writing() as transaction:
        return transaction.uploads.advance(stage, claims)


def states(database: SqlDatabase, product_id: str = "p") -> dict[int, UploadState]:
    with database.reading() as transaction:
        found = transaction.uploads.page(state=None, catalog="shop", limit=1_000)
    return {one.version: one.state for one in found if one.product_id == product_id}


def test_a_version_nobody_began_is_superseded_when_a_newer_one_is_accepted(database: SqlDatabase) -> None:
    accept(database, an_upload("p"), an_upload("other"))
    accept(database, an_upload("p", 2))
    assert states(database) == {1: "superseded", 2: "fetched"}
    assert states(database, "other") == {1: "fetched"}


def test_a_version_somebody_works_on_is_superseded_when_it_would_move_on(database: SqlDatabase) -> None:
    accept(database, an_upload())
    held = claim(database, Stage.ENCODE)
    accept(database, an_upload(version=2))
    assert states(database)[1] == "fetched"
    assert advance(database, held, Stage.ENCODE) == set()
    assert states(database) == {1: "superseded", 2: "fetched"}


def test_a_version_whose_worker_died_is_superseded_when_it_would_be_claimed(database: SqlDatabase) -> None:
    accept(database, an_upload())
    claim(database, Stage.ENCODE, lease=OVER)
    accept(database, an_upload(version=2))
    assert [one.version for one in claim(database, Stage.ENCODE)] == [2]
    assert states(database)[1] == "superseded"


def test_an_older_version_that_fails_is_superseded_and_not_dead(database: SqlDatabase) -> None:
    old = an_upload()
    accept(database, old)
    held = claim(database, Stage.ENCODE)
    accept(database, an_upload(version=2))
    with database.writing() as transaction:
        transaction.uploads.bury(held, {old.upload_id: Failure("bad_vector", "it is bad")})
    assert states(database)[1] == "superseded"


def overtaken_while_indexing(database: SqlDatabase, *, lease: timedelta = LEASE) -> list[Claim]:
    """Version 1 is being written to the index while version 2 is accepted and ready to be."""
    accept(database, an_upload(state=UploadState.ENCODED))
    held = claim(database, Stage.INDEX, lease=lease)
    accept(database, an_upload(version=2, state=UploadState.ENCODED))
    return held


def test_the_newest_is_indexed_again_after_an_older_one_that_may_have_been_written(database: SqlDatabase) -> None:
    older = overtaken_while_indexing(database)
    assert advance(database, newer := claim(database, Stage.INDEX)) == {newer[0].upload_id}
    assert states(database) == {1: "encoded", 2: "indexed"}
    assert advance(database, older) == set()
    assert states(database) == {1: "superseded", 2: "encoded"}
    assert advance(database, claim(database, Stage.INDEX))
    assert states(database) == {1: "superseded", 2: "indexed"}


def test_the_newest_that_is_being_written_meanwhile_is_written_once_more(database: SqlDatabase) -> None:
    older = overtaken_while_indexing(database)
    newer = claim(database, Stage.INDEX)
    advance(database, older)  # what it wrote may have come after what the newer one wrote
    assert advance(database, newer) == set()
    assert advance(database, claim(database, Stage.INDEX))
    assert states(database) == {1: "superseded", 2: "indexed"}


def test_the_newest_is_indexed_again_after_an_older_one_whose_worker_died(database: SqlDatabase) -> None:
    overtaken_while_indexing(database, lease=timedelta(seconds=0.2))
    advance(database, claim(database, Stage.INDEX))
    with database.writing() as transaction:
        transaction.uploads.forget_leases()
    advance(database, claim(database, Stage.INDEX))
    assert states(database) == {1: "superseded", 2: "indexed"}
    assert claim(database, Stage.INDEX) == []


@pytest.mark.parametrize("ending", ["advance", "release"])
def test_a_worker_that_wakes_after_everybody_went_on_has_the_newest_indexed_again(
    database: SqlDatabase, ending: str
) -> None:
    older = overtaken_while_indexing(database, lease=OVER)
    while held := claim(database, Stage.INDEX):
        advance(database, held)
    assert states(database) == {1: "superseded", 2: "indexed"}
    with database.writing() as transaction:
        if ending == "advance":
            assert transaction.uploads.advance(Stage.INDEX, older) == set()
        else:
            transaction.uploads.release(older, delay=OVER, blameless=True)
    assert states(database) == {1: "superseded", 2: "encoded"}


def test_two_workers_of_one_version_end_and_do_not_chase_each_other(database: SqlDatabase) -> None:
    accept(database, an_upload(state=UploadState.ENCODED))
    slow = claim(database, Stage.INDEX, lease=OVER)
    quick = claim(database, Stage.INDEX)
    assert advance(database, slow) == set()
    assert advance(database, quick)
    assert advance(database, slow) == set()
    assert states(database) == {1: "indexed"}


def test_a_deletion_supersedes_what_came_before_it(database: SqlDatabase) -> None:
    accept(database, an_upload())
    accept(database, an_upload(version=2, kind=UploadKind.DELETE, state=UploadState.ENCODED))
    with database.reading() as transaction:
        assert transaction.products.get("shop", ["p"]) == {}
    assert states(database) == {1: "superseded", 2: "encoded"}
